"""Trained networks in files: the parameters, and a plain-text description. Loading a file runs no code from it."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from nst.networks.adain import Adain
from nst.networks.any_style import AnyStyle
from nst.networks.known_styles import KnownStyles
from nst.networks.transformer import Transformer
from nst.networks.unet import UNet
from nst.utils.errors import one_line
from nst.utils.files import load_weights_only, write

FORMAT = 1
KINDS: dict[str, type[KnownStyles] | type[Adain]] = {
    "transformer": Transformer,
    "unet": UNet,
    "adain": Adain,
    "any_style": AnyStyle,
}
STYLE_SIZE = 320
"""`Trained.style_size` where a file doesn't say it."""
KEPT = "keeps."
"""Before the names of what a network needs besides its parameters, in a .safetensors file."""
MISFITS = (RuntimeError, ValueError, KeyError, AttributeError, TypeError, ZeroDivisionError)
"""What torch and Python raise if the parts of a forged file do not fit together."""
SAFE = ".safetensors"
REMEDY = "give the network.safetensors or network.ckpt of a run"


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        network: In evaluation mode.
        method: `feedforward`, `multistyle`, `adain` or `any_style`.
        styles: Names of the styles that it knows.
        statistics: What it needs besides its parameters: name -> values, one row for each style.
        config: The configuration that it was trained with.
    """

    network: KnownStyles | Adain
    method: str
    styles: list[str]
    statistics: dict[str, Tensor] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def style_size(self) -> int:
        """Shorter edge at which a picture of a style is looked at, pixels: that of the training."""
        return int(self.config.get("method", {}).get("style_size", STYLE_SIZE))

    def known_style(self, name: str) -> Tensor:
        """Return the code of a style that the network knows."""
        return self.network.known_style(self.styles.index(name), self.statistics)


def describe(network: Any, method: str, styles: list[str], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description that a checkpoint stores under `nst`."""
    return {
        "format": FORMAT,
        "kind": network.kind,
        "options": dict(network.options),
        "method": method,
        "styles": list(styles),
        "config": dict(config),
    }


def save(path: Path, state: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write a trained network, atomically.

    Args:
        path: The file; a `.safetensors` has no pickle in it, so that no program runs code when it loads it.
        state: The state dict of the network.
        about: The description that `describe` returns, with the statistics under `keeps`.
    """
    plain = {name: value.detach().cpu().clone().contiguous() for name, value in state.items()}
    if path.suffix == SAFE:
        kept = {f"{KEPT}{name}": value.contiguous() for name, value in about.get("keeps", {}).items()}
        told = {name: value for name, value in about.items() if name != "keeps"}
        write(path, safetensors.torch.save(plain | kept, metadata={"nst": json.dumps(told)}))
        return
    buffer = io.BytesIO()
    torch.save({"nst": dict(about), "state_dict": plain}, buffer)
    write(path, buffer.getvalue())


def read(path: Path) -> dict[str, Any]:
    """Read a checkpoint as plain data: a network's, `.ckpt` or `.safetensors`, or the `last.ckpt` of a training.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, or was not written by nst.
    """
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint not found: {path}; {REMEDY}")
    try:
        data = _safetensors(path) if path.suffix == SAFE else load_weights_only(path)
    except ValueError as error:
        raise ValueError(f"{path} {error}; {REMEDY}") from None
    about = data.get("nst") if isinstance(data, dict) else None
    if not isinstance(about, dict) or not isinstance(data.get("state_dict"), dict):
        raise ValueError(f"{path} is not a checkpoint of a network trained by nst; {REMEDY}")
    if about.get("format") != FORMAT or about.get("kind") not in KINDS:
        raise ValueError(
            f"{path} has format {about.get('format')!r} and kind {about.get('kind')!r}; this version reads format "
            f"{FORMAT} and kind {' or '.join(KINDS)}"
        )
    return dict(data)


def _safetensors(path: Path) -> dict[str, Any]:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            told = json.loads((file.metadata() or {}).get("nst", "null"))
            values = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
    except (safetensors.SafetensorError, ValueError, RecursionError) as error:
        raise ValueError(f"can't be read as tensors ({one_line(error)[:120]})") from None
    if not isinstance(told, dict):
        return {}
    kept = {name.removeprefix(KEPT): values.pop(name) for name in list(values) if name.startswith(KEPT)}
    return {"nst": told | {"keeps": kept}, "state_dict": values}


def bundled(name: str) -> Path:
    """Return the path of a network that comes with nst: `multistyle` or `any_style`."""
    return Path(str(files("nst"))) / "assets" / f"{name}{SAFE}"


def load(path: Path) -> Trained:
    """Load a trained network.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged or was not written by nst, or its parts do not fit together.
    """
    data = read(path)
    try:
        trained = _trained(data["nst"], data["state_dict"])
    except MISFITS as error:
        raise ValueError(f"{path} is damaged: its parts don't fit together ({one_line(error)[:120]})") from None
    trained.network.requires_grad_(False)
    return trained


def _trained(about: Mapping[str, Any], state: Mapping[str, Tensor]) -> Trained:
    names = [str(name) for name in about["styles"]]
    with torch.device("meta"):  # allocates nothing, so a forged size costs no memory
        network = KINDS[about["kind"]].build(about["options"], len(names))
    values = {name.removeprefix("network."): _wide(value) for name, value in state.items()}
    network.load_state_dict(values, assign=True)
    for name, value in network.state_dict().items():
        if not value.is_floating_point() or not torch.isfinite(value).all():
            raise ValueError(f"{name} holds values that are not finite numbers")
    keeps = about.get("keeps", {}).items()
    statistics = {str(name): _wide(value) for name, value in keeps if isinstance(value, Tensor)}
    for name, shape in network.statistics_shapes().items():
        if statistics[name].shape != (len(names), *shape):
            raise ValueError(f"{name} has shape {tuple(statistics[name].shape)}, not {(len(names), *shape)}")
    return Trained(network.eval(), str(about["method"]), names, statistics, dict(about["config"]))


def _wide(value: Tensor) -> Tensor:
    """Return a value that is stored in 16 bits in the 32 bits that are computed with."""
    return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
