"""The begin and the end of a sweep: what was asked for, what became of it, and its gallery. Imports nothing heavy."""

import json
import logging
import sys
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from nst.cli import EXTRAS, missing_extra
from nst.experiment import status
from nst.utils.files import write

log = logging.getLogger("nst")
NAME = "sweep.json"
begun: list[Path] = []
"""The folder of the sweep that this process launched, once it has begun."""


class Announce(Callback):
    """Hydra's callback: note in `sweep.json` what a sweep asks for, before its first job."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Write it; where the folder holds another sweep, stop."""
        for group in ("launcher", "sweeper"):
            choice = f"hydra/{group}={config.hydra.runtime.choices[f'hydra/{group}']}"
            if choice in EXTRAS and not _importable(EXTRAS[choice][1]):
                print(f"error: {missing_extra(choice)}", file=sys.stderr)
                raise SystemExit(1)
        if "submitit" in config.hydra.launcher._target_:
            from nst.sweep.slurm import keep_going

            keep_going(None if isinstance(config.objective, str) else len(config.objective))
        folder = Path(config.hydra.sweep.dir)
        typed = OmegaConf.to_container(config.hydra.overrides.task)  # unresolved: `${...}` stays as typed
        assert isinstance(typed, list)
        words = [str(word) for word in typed]
        before = read(folder)
        if before and before.get("overrides") != words:
            print(
                f"error: {folder} holds another sweep; to continue it, type its own choices: {before.get('overrides')}",
                file=sys.stderr,
            )
            raise SystemExit(1)
        folder.mkdir(parents=True, exist_ok=True)
        fields = {
            "overrides": words,
            "swept": swept(words) or list(OmegaConf.select(config, "hydra.sweeper.params") or {}),
            "objective": OmegaConf.to_container(OmegaConf.create({"is": config.objective}))["is"],  # type: ignore[index,call-overload]
            "began": before.get("began") or status.utc(time.time()),
        }
        write(folder / NAME, json.dumps(fields, indent=2, ensure_ascii=False).encode() + b"\n")
        begun[:] = [folder]


def _importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even hydra_plugins
        return False


def swept(words: list[str]) -> list[str]:
    """Give the keys that a sweep's command line gives several values."""
    return [str(o.key_or_group) for o in OverridesParser.create().parse_overrides(words) if o.is_sweep_override()]


def read(folder: Path) -> dict[str, Any]:
    """Return what `sweep.json` says of a folder; empty where it holds no sweep."""
    try:
        fields = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return fields if isinstance(fields, dict) else {}


def end(*, returned: bool) -> int:
    """End the sweep that this process began: name the jobs that did not finish, make its gallery.

    Args:
        returned: Whether its launcher has waited for every job, so that none can still run, on any machine.

    Returns:
        The exit code: 0 where every job finished, or where there was no sweep.
    """
    if not begun:
        return 0
    folder = begun.pop()
    states = {job: status.read(job) for job in jobs(folder)}
    for job, fields in states.items():
        if returned and fields.get("state") == "running":
            fields |= {"state": "killed", "reason": "the job ended and left no word: cancelled, or its machine is lost"}
        if fields.get("state") == "killed":  # said for good: its process number may come back as another's
            status.write(job, **{k: v for k, v in fields.items() if k not in ("now", "pid", "host")})
    counts = Counter(fields.get("state", "not begun") for fields in states.values())
    print(f"sweep: {', '.join(f'{count} {state}' for state, count in counts.items()) or 'no job began'}")
    for job, fields in states.items():
        if fields.get("state") != "finished":
            print(f"  job {job.name} {fields.get('state', 'not begun')}: {fields.get('reason') or 'no word'}")
    if states:
        _gallery(folder)
    bad = sum(count for state, count in counts.items() if state != "finished")
    if bad:
        print(f"again, only what is missing: the same command with resume={folder}")
    return 1 if bad or not states else 0


def jobs(folder: Path) -> list[Path]:
    """List the job folders of a sweep, in the order of their numbers."""
    return sorted((f for f in folder.iterdir() if f.is_dir() and f.name.isdigit()), key=lambda f: int(f.name))


def _gallery(folder: Path) -> None:
    from nst.sweep.gallery import make

    try:
        page = make(folder)
    except Exception as error:  # pictures are made: a page that is not must not hide them
        print(f"warning: no gallery: {' '.join(str(error).split())}", file=sys.stderr)
    else:
        print(f"gallery: {page}")
