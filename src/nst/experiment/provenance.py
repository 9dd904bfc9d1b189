"""The recipe in a picture: `final.png` holds its choices and versions as text; `recipe=final.png` makes it again.

The text is JSON. Of a recipe that somebody else wrote nothing is unpickled, no interpolation is resolved, and only
targets of this package, of torch's optimisers and of Lightning's trainer, loggers and callbacks are built.
"""

import hashlib
import importlib
import inspect
import json
import logging
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

log = logging.getLogger("nst")
FIELD = "nst-recipe"
PACKAGES = ("nst", "torch", "torchvision", "lightning", "pillow", "numpy")
MOST_PIXELS = 1_000_000_000
NEEDED = {"job", "size", "style", "content", "backbone", "loss", "method", "pyramid", "optimizer", "trainer"}
"""Without these choices there is no picture."""
KINDS = {"threads": int, "device": str, "command": str, "pixels": str}
"""Of a recipe's fields; the others are dictionaries."""
CLASSES = (
    *(f"nst.{part}." for part in ("backbones", "callbacks", "losses", "methods", "metrics", "networks", "tiling")),
    *(f"nst.data.{part}." for part in ("color", "download", "inputs", "photographs")),
    "nst.experiment.training_options.",
    "torch.optim.",
    "lightning.pytorch.trainer.",
    "lightning.pytorch.loggers.",
    "lightning.pytorch.callbacks.",
    "lightning.pytorch.strategies.ddp.",
)
"""Where a class of a recipe may be defined."""
FUNCTIONS = (
    "nst.data.photographs.",
    "nst.methods.initial_image.",
    "nst.optim.lr_schedulers.",
    "nst.methods.pyramid.",
    "nst.data.color.",
    "nst.losses.",
    "torch.optim.",
)
"""Where a function may be."""
JOBS = ("nst.experiment.image_job.paint", "nst.experiment.network_job.learn")
"""What may run a job."""
LOCAL = ("download", "logger", "judge", "objective", "recipe", "resume", "checkpoint", "keep_memory", "name")
"""What is taken from here, not from a recipe: where files come from and go to, and what doesn't touch the pixels."""


@dataclass(frozen=True)
class Recipe:
    """How a picture was made.

    Attributes:
        config: The resolved choices.
        choices: Group -> the word chosen.
        sources: SHA-256 of the content, the styles and the checkpoint.
        versions: Package -> version.
        threads: Of torch; sums in another order give other last bits.
        device: `cpu`, `cuda` or `mps`.
        command: What was typed.
        pixels: SHA-256 of the 8-bit pixels, by which a remake is judged.
    """

    config: dict[str, Any]
    choices: dict[str, str]
    sources: dict[str, Any]
    versions: dict[str, str]
    threads: int
    device: str
    command: str
    pixels: str

    def text(self) -> dict[str, str]:
        """Give the PNG text field."""
        return {FIELD: json.dumps(vars(self), ensure_ascii=False), "Software": f"nst {self.versions['nst']}"}


def read(path: Path) -> Recipe:
    """Read the recipe of a picture, and refuse one that could do anything but make pictures.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no PNG with a recipe, or its recipe is damaged or names what may not be built.
    """
    if not path.is_file():
        raise FileNotFoundError(f"picture not found: recipe={path}; give the final.png of a run")
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels are too many")
            image.load()
            text = getattr(image, "text", {}).get(FIELD)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"recipe={path} is no whole PNG ({error}); give the final.png of a run") from None
    if text is None:
        raise ValueError(f"recipe={path} holds no recipe; give the final.png of a run, not a copy from elsewhere")
    try:
        recipe = Recipe(**json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"the recipe in {path} is damaged ({error}); give the final.png of a run") from None
    for name, value in vars(recipe).items():
        if not isinstance(value, KINDS.get(name, dict)):
            raise ValueError(f"the recipe in {path} is damaged ({name}); give the final.png of a run")
    refuse_foreign(recipe.config, f"the recipe in {path}", "type the choices yourself if you trust them")
    if recipe.threads < 1 or not set(recipe.config) >= NEEDED:
        raise ValueError(f"the recipe in {path} is damaged (it lacks choices); give the final.png of a run")
    return recipe


def refuse_foreign(config: Mapping[str, Any], source: str, remedy: str) -> None:
    """Refuse a configuration from a file that could do anything but make pictures.

    Args:
        config: Plain.
        source: What it was read from, for the message.
        remedy: What to do, likewise.

    Raises:
        ValueError: It has an interpolation, or a target that may not be built.
    """
    for option, value in _leaves(config):
        _check(option, value, source, remedy)


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


def _check(option: str, value: Any, source: str, remedy: str) -> None:
    if isinstance(value, str) and "${" in value:
        raise ValueError(f"{source} has {option}={value!r}; it holds plain values alone, so it is refused; {remedy}")
    if option.rpartition(".")[2] == "_target_" and not trusted(value):
        raise ValueError(
            f"{source} wants to build {value!r} ({option}); only parts of nst, torch.optim and Lightning may be, so it "
            f"is refused; {remedy}"
        )


def trusted(target: Any) -> bool:
    """Tell whether a target is a class or function that is really defined where recipes may take from."""
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
        return home.startswith(FUNCTIONS) or f"{home}{thing.__name__}" in JOBS
    return inspect.isclass(thing) and home.startswith(CLASSES) and not _writes(thing, home)


def _writes(thing: type, home: str) -> bool:
    """Whether one of Lightning's callbacks takes a place to write to."""
    names = inspect.signature(thing).parameters if home.startswith("lightning.pytorch.callbacks.") else ()
    return any(word in name for name in names for word in ("dir", "path", "file"))


def pixels_sha256(path: Path) -> str:
    """Give the SHA-256 of a picture's pixels: shape and 8-bit values, whatever the file holds besides."""
    with Image.open(path) as image:
        array = np.asarray(image)
    return hashlib.sha256(repr(array.shape).encode() + array.tobytes()).hexdigest()


def versions() -> dict[str, str]:
    """Give the versions that pixels depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def digests(sources: Mapping[str, Any]) -> dict[str, str | None]:
    """Give the SHA-256 of every file that a picture was made from."""
    styles = {f"style {source['name']}": source["sha256"] for source in sources["styles"]}
    return {"content": sources["content"]["sha256"], **styles, "checkpoint": sources["checkpoint"]["sha256"]}


def differences(asked: Recipe, made: Recipe) -> list[str]:
    """Say in one line each why a picture is not the one of its recipe; nothing where it is, pixel for pixel."""
    if asked.pixels == made.pixels:
        return []
    here = made.versions
    why = [f"{name} is {here.get(name)}, not {got}" for name, got in asked.versions.items() if here.get(name) != got]
    why += [f"the device is {made.device}, not {asked.device}"] if made.device != asked.device else []
    why += [f"threads is {made.threads}, not {asked.threads}"] if made.threads != asked.threads else []
    why += [f"{name} is another file" for name, digest in asked.sources.items() if made.sources.get(name) != digest]
    return [f"not every pixel is the recipe's: {reason}" for reason in why or ["this machine computes differently"]]
