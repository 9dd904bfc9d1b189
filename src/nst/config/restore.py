"""Take the choices of an earlier run: `resume=<run folder>` goes on with it, `reproduce=<final.png>` paints it again.

Pure but for reading `config.yaml`: which options may be typed beside the two, and what the rest is.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from nst.config import legacy
from nst.config.invocation import Invocation, top_level
from nst.config.job import FREE, digest_of
from nst.config.trusted import REQUIRED, refuse_foreign
from nst.utils.files import user_path

FILE = "config.yaml"
LOCAL = ("download", "logger", "judge", "minimize", "reproduce", "resume", "checkpoint", "keep_memory", "name", "depth")
"""Options that are this command's and not the picture's: where files come from and go to, and what touches no pixel."""
BESIDE = (*LOCAL, "threads", "trainer", "tiles", "timelapse")
"""What may be typed beside `reproduce=`; the last four are the picture's own unless typed."""


def resumed(
    config: Mapping[str, Any], invocation: Invocation, status: Mapping[str, Any]
) -> tuple[dict[str, Any], Invocation, str]:
    """Return the configuration of the run that goes on in this folder, its invocation and its digest.

    Args:
        config: The composed one, resolved and plain.
        invocation: Of the command with `resume=`.
        status: What `status.json` says of the run in the folder.

    Raises:
        ValueError: Something was typed that would make another picture, or the stored configuration can't be used.
    """
    folder = invocation.folder
    if user_path(config["resume"]).resolve() != folder.resolve():
        raise ValueError(f"resume={config['resume']} goes on in its own folder; take hydra.run.dir={folder} away")
    typed = [word for word in invocation.overrides if top_level(word) not in FREE]
    first = legacy.recorded(status)
    own = [word for word in first if top_level(word) not in FREE]
    if typed and typed != own:
        raise ValueError(
            f"resume= goes on with the choices of {folder} and takes no {top_level(typed[0])}=; type nothing else, "
            f"or everything that it was started with: {' '.join(own)}"
        )
    stored, digest = read_config(folder / FILE, trust=typed == own and (bool(typed) or invocation.in_sweep))
    changed = {top_level(word) for word in invocation.overrides} & set(FREE) | {"resume"}
    younger = {key: value for key, value in config.items() if key not in stored}  # options that the run did not know
    chosen = status.get("choices")
    earlier = {str(key): value for key, value in chosen.items()} if isinstance(chosen, dict) else {}
    made = {**younger, **stored, **{key: config[key] for key in changed}}
    return made, replace(invocation, overrides=first, choices={**invocation.choices, **earlier}), digest


def read_config(path: Path, *, trust: bool) -> tuple[dict[str, Any], str]:
    """Read the configuration of a run as today's program would have written it, and the digest of what the file holds.

    Args:
        path: `config.yaml`.
        trust: Whether the user typed its choices as well; if not, only what a picture's record may build is accepted.

    Raises:
        ValueError: The file is missing, damaged, or names what may not be built.
    """
    try:
        found: Any = OmegaConf.to_container(OmegaConf.load(path))
    except Exception as error:  # YAML's own, OmegaConf's, the system's
        line = " ".join(str(error).split())
        raise ValueError(f"the choices of {path.parent} can't be read ({line[:120]}); start a new run") from None
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise ValueError(f"{path} holds no choices of a run; start a new run")
    stored = legacy.config(found)
    if not trust:
        refuse_foreign(stored, f"{path}", "type all choices that it was started with beside resume=")
    if lacking := sorted(REQUIRED - set(stored)):
        raise ValueError(f"{path} lacks {lacking[0]}, so it holds no choices of a run; start a new run")
    return stored, digest_of(found)


def reproduced(
    config: Mapping[str, Any], invocation: Invocation, recorded: Mapping[str, Any], *, threads: int, command: str
) -> dict[str, Any]:
    """Return the configuration that was recorded in a picture, with what belongs to this command from the composed one.

    Args:
        config: The composed one, resolved and plain.
        invocation: Of the command with `reproduce=`.
        recorded: The picture's configuration.
        threads: The picture's.
        command: That made it, for the message.

    Raises:
        ValueError: Something was typed that would make another picture.
    """
    typed = {top_level(word) for word in invocation.overrides}
    if other := sorted(typed - set(BESIDE)):
        raise ValueError(
            f"reproduce= makes that picture again and takes no {other[0]}=; for another picture change its command: "
            f"{command}"
        )
    younger = {key: value for key, value in config.items() if key not in recorded}  # options that it did not know
    local = {key: config[key] for key in BESIDE if key in LOCAL or key in typed}
    return {**younger, **recorded, "threads": threads, **local, "reproduce": None}
