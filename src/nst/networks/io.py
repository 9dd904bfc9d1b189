"""A trained network in a file: its tensors, and what it is, in plain words; reading one runs no code from it."""

import io
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nst.networks.adain import Adain
from nst.networks.transformer import Transformer
from nst.utils.files import write

FORMAT = 1
KINDS: dict[str, type[Transformer] | type[Adain]] = {"transformer": Transformer, "adain": Adain}
DAMAGED = (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError, TypeError)
"""What torch says of a file that is none of its own."""


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        network: In evaluation mode.
        method: `feedforward`, `multistyle` or `adain`.
        styles: Their names.
        keeps: What it needs besides its parameters.
        config: The choices it was trained with, plain.
    """

    network: Transformer | Adain
    method: str
    styles: list[str]
    keeps: dict[str, Tensor] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)


def describe(network: Any, method: str, styles: list[str], config: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a checkpoint says of itself."""
    return {
        "format": FORMAT,
        "kind": network.kind,
        "options": dict(network.options),
        "method": method,
        "styles": list(styles),
        "config": dict(config),
    }


def save(path: Path, state: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write a trained network, whole or not at all.

    Args:
        path: Where to.
        state: The network's own parameters.
        about: As `describe` gives it, with `keeps`.
    """
    buffer = io.BytesIO()
    plain = {name: value.detach().cpu().clone() for name, value in state.items()}
    torch.save({"nst": dict(about), "state_dict": plain}, buffer)
    write(path, buffer.getvalue())


def read(path: Path) -> dict[str, Any]:
    """Read a checkpoint of ours as plain data: a `network.ckpt`, or one of a training under way.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, or somebody else's.
    """
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint not found: {path}; give the network.ckpt of a run")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on the pickle's protocol: the loader refuses what it must
            data: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except DAMAGED as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(
            f"{path} can't be read as a checkpoint ({first[:120]}); give the network.ckpt of a run"
        ) from None
    about = data.get("nst") if isinstance(data, dict) else None
    if not isinstance(about, dict) or not isinstance(data.get("state_dict"), dict):
        raise ValueError(f"{path} is no checkpoint of a network of ours; give the network.ckpt of a run")
    if about.get("format") != FORMAT or about.get("kind") not in KINDS:
        raise ValueError(
            f"{path} has format {about.get('format')!r} and kind {about.get('kind')!r}; this program knows format "
            f"{FORMAT} and {', '.join(KINDS)}"
        )
    return data


def load(path: Path) -> Trained:
    """Load a trained network.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, somebody else's, or its parts do not fit together.
    """
    data = read(path)
    about, state = data["nst"], data["state_dict"]
    state = {name.removeprefix("network."): value for name, value in state.items()}
    try:
        names = [str(name) for name in about["styles"]]
        more = {"styles": len(names)} if about["kind"] == "transformer" else {}
        with torch.device("meta"):  # no storage: a forged size costs nothing
            network = KINDS[about["kind"]](**about["options"], **more)
        network.load_state_dict(state, assign=True)
        keeps = {str(name): value for name, value in about.get("keeps", {}).items() if isinstance(value, Tensor)}
        trained = Trained(network.eval(), str(about["method"]), names, keeps, dict(about["config"]))
        _check(trained)
    except (*DAMAGED, ZeroDivisionError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"{path} is damaged: its parts don't fit together ({first[:120]})") from None
    for parameter in trained.network.parameters():
        parameter.requires_grad_(False)
    return trained


def _check(trained: Trained) -> None:
    for name, value in trained.network.state_dict().items():
        if not value.is_floating_point() or not torch.isfinite(value).all():
            raise ValueError(f"{name} is not made of numbers")
    if isinstance(trained.network, Adain):
        wanted = (len(trained.styles), trained.network.options["channels"])
        for name in ("means", "deviations"):
            if trained.keeps[name].shape != wanted:
                raise ValueError(f"{name} has shape {tuple(trained.keeps[name].shape)}, not {wanted}")
