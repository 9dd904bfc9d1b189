"""What a configuration from somebody else's file may build: nothing that could do anything but make pictures.

The `final.png` of a run and the `config.yaml` of its folder hold choices as plain text. Nothing of them is unpickled,
no interpolation is resolved, and only targets of this package, of torch's optimizers and of Lightning's trainer,
loggers and callbacks are built.
"""

import importlib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

REQUIRED = {"size", "style", "content", "backbone", "loss", "method", "pyramid", "optimizer", "trainer"}
"""Top-level keys without which a configuration is not that of a run."""
CLASSES = (
    *(f"nst.{part}." for part in ("backbones", "callbacks", "losses", "methods", "metrics", "networks", "tiling")),
    *(f"nst.data.{part}." for part in ("color", "download", "inputs", "photographs")),
    "nst.config.training_options.",
    "nst.trackers.",
    "torch.optim.",
    "lightning.pytorch.trainer.",
    "lightning.pytorch.loggers.",
    "lightning.pytorch.callbacks.",
    "lightning.pytorch.strategies.ddp.",
)
"""Modules whose classes may be built."""
FUNCTIONS = (
    "nst.data.photographs.",
    "nst.data.color.",
    "nst.losses.",
    "nst.methods.initial_image.",
    "nst.methods.pyramid.",
    "nst.optim.lr_schedulers.",
    "torch.optim.",
)
"""Modules whose functions may be called."""


def refuse_foreign(config: Mapping[str, Any], source: str, remedy: str) -> None:
    """Refuse a configuration from a file that could do anything but make pictures.

    Args:
        config: Plain.
        source: What it was read from, for the message.
        remedy: What to do, for the message.

    Raises:
        ValueError: It has an interpolation, or a target that may not be built.
    """
    for option, value in _leaves(config):
        if isinstance(value, str) and "${" in value:
            raise ValueError(
                f"{source} has {option}={value!r}; it may hold plain values only, so it is refused; {remedy}"
            )
        if option.rpartition(".")[2] == "_target_" and not trusted(value):
            raise ValueError(
                f"{source} wants to build {value!r} ({option}); only parts of nst, torch.optim and Lightning may be "
                f"built, so it is refused; {remedy}"
            )


def _leaves(node: Any, option: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield (f"{option}.{key}", str(key)) if "${" in str(key) else (option, None)
            yield from _leaves(value, f"{option}.{key}".lstrip("."))
    elif isinstance(node, list):
        for item in node:
            yield from _leaves(item, option)
    else:
        yield option, node


def trusted(target: Any) -> bool:
    """Tell whether a target is a class or function that is defined in one of the modules above."""
    if not isinstance(target, str) or not target.startswith(("nst.", "torch.optim.", "lightning.pytorch.")):
        return False
    module, _, leaf = target.rpartition(".")
    if not all(part.isidentifier() for part in target.split(".")):
        return False
    try:
        thing = getattr(importlib.import_module(module), leaf)
    except (ImportError, AttributeError, ValueError):
        return False
    home = f"{getattr(thing, '__module__', '')}."
    if inspect.isfunction(thing):
        return home.startswith(FUNCTIONS)
    return inspect.isclass(thing) and home.startswith(CLASSES) and not _writes(thing, home)


def _writes(thing: type, home: str) -> bool:
    """Whether one of Lightning's callbacks takes a path to write to."""
    names = inspect.signature(thing).parameters if home.startswith("lightning.pytorch.callbacks.") else ()
    return any(word in name for name in names for word in ("dir", "path", "file"))
