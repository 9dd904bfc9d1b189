"""The state of a run that was cut short, as its `last.ckpt` holds it: read with nothing run, and compared."""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nst.backbones import weights
from nst.callbacks.checkpoint import FIELD, NAME
from nst.experiment import provenance

FREE = ("download", "logger", "judge", "objective", "checkpoint", "recipe", "resume", "threads", "keep_memory", "name")
"""The choices that don't touch the pixels, or whose difference is told: they may change when a run goes on."""
KINDS: dict[str, Any] = {
    "config": str,
    "sources": dict,
    "versions": dict,
    "threads": int,
    "device": str,
    "level": int,
    "over": bool,
    "seconds": int | float,
    "saved": int | float,
    "step": int,
    "levels": list,
}


@dataclass(frozen=True)
class State:
    """Where a run was.

    Attributes:
        path: The checkpoint.
        level: Number of the stage, from 1; 0 for a run that begins.
        over: Whether that stage is finished; else Lightning's checkpoint is of a step in it.
        kept: What a finished stage left.
        callbacks: States of the callbacks, by Lightning's keys.
        facts: See `facts`; `seconds` that the run took, when it was `saved`, its last `step`, its finished
            `levels`.
    """

    path: Path
    level: int = 0
    over: bool = False
    kept: dict[str, Any] = field(default_factory=dict)
    callbacks: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=lambda: {"seconds": 0.0, "saved": 0.0, "step": 0})


def facts(plain: Mapping[str, Any], sources: Mapping[str, Any], *, threads: int, device: str) -> dict[str, Any]:
    """Give what must be the same when a run goes on: its choices, its files, and what the last bits depend on."""
    return {
        "config": digest(plain),
        "sources": provenance.digests(sources),
        "versions": provenance.versions(),
        "threads": threads,
        "device": device,
    }


def digest(plain: Mapping[str, Any]) -> str:
    """Give the SHA-256 of the choices that make the pixels."""
    counted = {key: value for key, value in plain.items() if key not in FREE}
    return hashlib.sha256(json.dumps(counted, sort_keys=True).encode()).hexdigest()


def read(folder: Path) -> State:
    """Read where the run in a folder was; without a checkpoint it begins.

    Raises:
        ValueError: The file is damaged, or no checkpoint of ours.
    """
    path = folder / NAME
    if not path.exists():
        return State(path)
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except Exception as error:  # a damaged archive can fail in any way: zlib has errors of its own
        raise _refused(path, str(error)) from None
    if damaged is not None:
        raise _refused(path, f"{damaged} is not what was written")
    try:
        found = weights.unpacked(path)
    except ValueError as error:
        raise _refused(path, str(error)) from None
    known = found.get(FIELD) if isinstance(found, dict) else None
    if not isinstance(known, dict) or not all(isinstance(known.get(name), kind) for name, kind in KINDS.items()):
        raise _refused(path, "it holds no state of a run")
    kept, callbacks = found.get("kept", {}), found.get("callbacks", {})
    if not isinstance(kept, dict) or not isinstance(callbacks, dict) or (known["over"] and "pixels" not in kept):
        raise _refused(path, "it holds no picture")
    return State(path, known["level"], known["over"], kept, callbacks, known)


def _refused(path: Path, why: str) -> ValueError:
    return ValueError(f"{path} is damaged ({' '.join(why.split())}); delete it, and resume= begins that run anew")


def refuse_others(state: State, now: Mapping[str, Any]) -> None:
    """Refuse a state that belongs to other choices or other files.

    Raises:
        ValueError: One line on what differs.
    """
    if not state.level:
        return
    if state.facts["config"] != now["config"]:
        raise ValueError(
            f"{state.path} belongs to other choices than config.yaml beside it; put that back, or begin a new run"
        )
    for name, got in now["sources"].items():
        if state.facts["sources"].get(name) != got:
            raise ValueError(
                f"{name} is another file than when {state.path.parent} began; put that back, or begin a new run"
            )


def differences(state: State, now: Mapping[str, Any]) -> list[str]:
    """Say in one line each why the last bits may be others than those of a run that was not cut."""
    if not state.level:
        return []
    then = state.facts
    why = [f"{name} is {now['versions'].get(name)}, not {v}" for name, v in then["versions"].items()
           if now["versions"].get(name) != v]  # fmt: skip
    why += [f"{name} is {now[name]}, not {then[name]}" for name in ("threads", "device") if now[name] != then[name]]
    return [f"the picture may differ in its last bits from that of a run that was not cut: {reason}" for reason in why]
