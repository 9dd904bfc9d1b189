"""`resume=<run folder>`: a run that was cut short goes on in its own folder, with its own choices."""

import re
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from nst.callbacks.checkpoint import NAME
from nst.callbacks.state import FREE
from nst.config import remake
from nst.experiment import provenance, status
from nst.sweep import worker

CONFIG = "config.yaml"


def resumed(cfg: DictConfig, folder: Path) -> DictConfig:
    """Return the configuration to run in a folder: the composed one, or that of the run which goes on there.

    Raises:
        ValueError: Something was typed that would make another picture, or the run in the folder can't go on.
    """
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        return cfg
    before = status.read(folder)
    if cfg.resume is None:
        refuse_used(folder, before)
        return cfg
    if Path(cfg.resume).expanduser().resolve() != folder.resolve():
        raise ValueError(f"resume={cfg.resume} goes on in its own folder; take hydra.run.dir={folder} away")
    typed = [word for word in worker.overrides() if remake.group(word) not in FREE]
    own = [word for word in _words(before) if remake.group(word) not in FREE]
    if typed and typed != own:
        raise ValueError(
            f"resume= goes on with the choices of {folder} and takes no {remake.group(typed[0])}=; type nothing else, "
            f"or all of what it was begun with: {' '.join(own)}"
        )
    stored = _read(folder / CONFIG, trust=bool(typed) and typed == own)
    for key in {remake.group(word) for word in worker.overrides()} & set(FREE) | {"resume"}:
        stored[key] = cfg[key] if not OmegaConf.is_config(cfg[key]) else OmegaConf.to_container(cfg[key], resolve=True)
    lacking = {key: cfg[key] for key in cfg if key not in stored}  # groups that are younger than the run
    _as_typed(before)
    made: DictConfig = OmegaConf.create({**stored, **lacking})
    return made


def refuse_used(folder: Path, before: dict[str, Any]) -> None:
    """Refuse a folder whose run has left something that a new one would overwrite."""
    left = [name for name in ("final.png", "partial.png", NAME) if (folder / name).is_file()]
    if not left:
        return
    state = before.get("state", "of another kind")
    again = "" if state == "finished" else f", or resume={folder} to go on with it"
    raise ValueError(f"{folder} holds a run already ({state}, {left[0]}); give another hydra.run.dir={again}")


def _read(path: Path, *, trust: bool) -> Any:
    """Read the choices of a run; unless the user typed them as well, only what a recipe may build is built.

    Raises:
        ValueError: The file is missing, damaged, or names what may not be built.
    """
    try:
        stored: Any = OmegaConf.to_container(OmegaConf.load(path))
    except Exception as error:  # YAML's own, OmegaConf's, the system's
        line = " ".join(str(error).split())
        raise ValueError(f"the choices of {path.parent} can't be read ({line[:120]}); begin a new run") from None
    known = isinstance(stored, dict) and all(isinstance(key, str) for key in stored)
    if not known:
        raise ValueError(f"{path} holds no choices of a run; begin a new run")
    if not trust:
        provenance.refuse_foreign(stored, f"{path}", "type all choices that it was begun with beside resume=")
    if lacking := sorted(provenance.NEEDED - set(stored)):
        raise ValueError(f"{path} lacks {lacking[0]}, so it holds no choices of a run; begin a new run")
    return stored


def _words(before: dict[str, Any]) -> list[str]:
    found = before.get("overrides")
    return [word for word in found if isinstance(word, str)] if isinstance(found, list) else []


def _as_typed(before: dict[str, Any]) -> None:
    """Let the rest of the program see what was typed when the run began."""
    hydra = HydraConfig.instance().cfg.hydra  # type: ignore[union-attr]
    words, chosen = _words(before), before.get("choices")
    with read_write(hydra), open_dict(hydra):
        hydra.overrides.task = [re.sub(r"\$\{([^{}]*)\}", r"$\\{\1\\}", word) for word in words]
        if isinstance(chosen, dict):
            hydra.runtime.choices.update({str(k): str(v) for k, v in chosen.items()})
