"""Names that earlier versions gave to options and classes, so that their runs and pictures can still be opened."""

import re
from collections.abc import Mapping
from typing import Any

OPTIONS = {"recipe": "reproduce", "objective": "minimize", "learn": "training"}
"""Top-level option of version 0.1 -> today's."""
REMOVED = {"nst.backbones.Pretrained": ("memory", "convolution")}
"""Class -> arguments that it had in version 0.1 and that nothing reads any more."""
MODULES = {
    "nst.color": "nst.data.color",
    "nst.data": "nst.data.photographs",
    "nst.download": "nst.data.download",
    "nst.initial": "nst.methods.initial_image",
    "nst.judge": "nst.metrics.judge",
    "nst.lessons": "nst.config.training_options",
    "nst.pyramid": "nst.methods.pyramid",
    "nst.schedules": "nst.optim.lr_schedulers",
    "nst.timelapse": "nst.callbacks.timelapse",
}
"""Module of version 0.1 -> where its classes and functions are now."""
CLASSES = {"nst.config.training_options.Teaching": "nst.config.training_options.TrainingOptions"}
"""Class of version 0.1 in its module of today -> today's name."""


def words(overrides: list[str]) -> list[str]:
    """Return overrides as they are typed today."""
    return [re.sub(r"^([+~]*)(\w+)(?=[.=@])", lambda m: m[1] + OPTIONS.get(m[2], m[2]), word) for word in overrides]


def recorded(status: Mapping[str, Any]) -> list[str]:
    """Return the overrides that `status.json` or `sweep.json` records, as they are typed today; none if damaged."""
    found = status.get("overrides")
    return words([word for word in found if isinstance(word, str)]) if isinstance(found, list) else []


def config(stored: dict[str, Any]) -> dict[str, Any]:
    """Return a resolved configuration of an earlier version as today's program would have written it."""
    if "job" not in stored:  # only version 0.1 has it
        return stored
    out: dict[str, Any] = {OPTIONS.get(key, key): _targets(value) for key, value in stored.items() if key != "job"}
    if isinstance(out.get("trainer"), dict):
        out["trainer"]["enable_checkpointing"] = False  # a network's checkpoints were Lightning's own
    return out


def _targets(node: Any) -> Any:
    if isinstance(node, dict):
        gone = REMOVED.get(str(node.get("_target_")), ())
        kept = {key: value for key, value in node.items() if key not in gone}
        return {key: _target(value) if key == "_target_" else _targets(value) for key, value in kept.items()}
    return [_targets(item) for item in node] if isinstance(node, list) else node


def _target(name: Any) -> Any:
    if not isinstance(name, str):
        return name
    module, _, leaf = name.rpartition(".")
    now = f"{MODULES.get(module, module)}.{leaf}"
    return CLASSES.get(now, now)
