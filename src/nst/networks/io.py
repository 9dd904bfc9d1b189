"""Trained networks in files: the parameters, and a plain-text description. Loading a file runs no code from it."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nst.networks.adain import Adain
from nst.networks.transformer import Transformer
from nst.utils.errors import one_line
from nst.utils.files import load_weights_only, write

FORMAT = 1
KINDS: dict[str, type[Transformer] | type[Adain]] = {"transformer": Transformer, "adain": Adain}
MISFITS = (RuntimeError, ValueError, KeyError, AttributeError, TypeError, ZeroDivisionError)
"""What torch and Python raise if the parts of a forged file do not fit together."""


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        network: In evaluation mode.
        method: `feedforward`, `multistyle` or `adain`.
        styles: Names of the styles that it knows.
        statistics: What it needs besides its parameters: name -> values, one row for each style.
        config: The configuration that it was trained with.
    """

    network: Transformer | Adain
    method: str
    styles: list[str]
    statistics: dict[str, Tensor] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)

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
        path: The file.
        state: The state dict of the network.
        about: The description that `describe` returns, with the statistics under `keeps`.
    """
    buffer = io.BytesIO()
    plain = {name: value.detach().cpu().clone() for name, value in state.items()}
    torch.save({"nst": dict(about), "state_dict": plain}, buffer)
    write(path, buffer.getvalue())


def read(path: Path) -> dict[str, Any]:
    """Read a checkpoint as plain data: a `network.ckpt`, or the `last.ckpt` of an unfinished training.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, or was not written by nst.
    """
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint not found: {path}; give the network.ckpt of a run")
    try:
        data = load_weights_only(path)
    except ValueError as error:
        raise ValueError(f"{path} {error}; give the network.ckpt of a run") from None
    about = data.get("nst") if isinstance(data, dict) else None
    if not isinstance(about, dict) or not isinstance(data.get("state_dict"), dict):
        raise ValueError(f"{path} is not a checkpoint of a network trained by nst; give the network.ckpt of a run")
    if about.get("format") != FORMAT or about.get("kind") not in KINDS:
        raise ValueError(
            f"{path} has format {about.get('format')!r} and kind {about.get('kind')!r}; this version reads format "
            f"{FORMAT} and kind {' or '.join(KINDS)}"
        )
    return dict(data)


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
    network.load_state_dict({name.removeprefix("network."): value for name, value in state.items()}, assign=True)
    for name, value in network.state_dict().items():
        if not value.is_floating_point() or not torch.isfinite(value).all():
            raise ValueError(f"{name} holds values that are not finite numbers")
    statistics = {str(name): value for name, value in about.get("keeps", {}).items() if isinstance(value, Tensor)}
    for name, shape in network.statistics_shapes().items():
        if statistics[name].shape != (len(names), *shape):
            raise ValueError(f"{name} has shape {tuple(statistics[name].shape)}, not {(len(names), *shape)}")
    return Trained(network.eval(), str(about["method"]), names, statistics, dict(about["config"]))
