"""Where a backbone's learned parameters come from: a file, torch hub's cache, a download, or this package."""

import re
from pathlib import Path

import torch
import torchvision
from torch import Tensor

from nst.data.download import Download, DownloadError, fetch
from nst.utils.files import load_weights_only, sha256, user_path

State = dict[str, Tensor]
Source = dict[str, str | None]

EMBEDDED = {
    "squeezenet1_1": Path(__file__).parents[1] / "assets" / "squeezenet1_1-nst.pt",
    "small_vgg19": Path(__file__).parents[1] / "assets" / "small_vgg19-nst.pt",
}
"""Model -> the checkpoint that comes in this package."""


def load(model: str, checkpoint: str | None, download: Download) -> tuple[State, Source]:
    """Return a state dict, and where it comes from.

    Args:
        model: A torchvision model name.
        checkpoint: A file; `embedded`; or None: torch hub's cache, then torchvision's own download (SHA-256 prefix
            checked), then the embedded checkpoint where this package has one, with a warning in the source. Of a
            network that torchvision doesn't have, None is the embedded one.
        download: How files are fetched.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no state dict, or is damaged.
        OSError: No checkpoint can be had.
    """
    if checkpoint == "embedded" or (checkpoint is None and model not in torchvision.models.list_models()):
        if model not in EMBEDDED:
            raise ValueError(f"{model} has no embedded checkpoint; one is there for {', '.join(EMBEDDED)}")
        return read(EMBEDDED[model]), record("embedded", EMBEDDED[model])
    if checkpoint is not None:
        path = user_path(checkpoint)
        return read(path), record("file", path)
    url = _url(model)
    cached = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if cached.is_file():
        return read(cached), record("cache", cached)
    try:
        fetch(url, cached, options=download, check=lambda path: _check_hash(path, cached.name))
    except DownloadError as error:
        return _without(model, cached, error)
    return read(cached), record("download", cached)


def _without(model: str, cached: Path, error: DownloadError) -> tuple[State, Source]:
    """The embedded checkpoint with its warning, or the error that names the remedies."""
    remedy = f"give backbone.checkpoint=FILE, or put {cached.name} into {cached.parent}"
    if model in EMBEDDED and EMBEDDED[model].is_file():
        warning = (
            f"wanted torchvision's ImageNet checkpoint of {model} but could not fetch it ({error}); using the "
            f"embedded {EMBEDDED[model].name} instead; to have ImageNet's, {remedy}"
        )
        return read(EMBEDDED[model]), record("embedded", EMBEDDED[model], warning)
    raise OSError(
        f"no checkpoint of {model} can be had ({error}); {remedy}, or use backbone=wavelet, which needs none"
    ) from None


def read(path: Path) -> State:
    """Read a torchvision state dict, whole or of `features` only; nothing in the file is run.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no state dict, or is damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint not found: {path}; give a file that exists")
    try:
        state = load_weights_only(path)
    except ValueError as error:
        raise ValueError(f"{path} {error}; give a whole torchvision state dict") from None
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    named = isinstance(state, dict) and all(isinstance(name, str) and name for name in state)
    if not named or not state or not all(isinstance(v, Tensor) for v in state.values()):
        raise ValueError(f"{path} holds no state dict (name -> tensor); give a torchvision state dict")
    bare = all(name[0].isdigit() for name in state)
    return {f"features.{name}" if bare else name.removeprefix("module."): value for name, value in state.items()}


def record(origin: str, path: Path, warning: str | None = None) -> Source:
    """Return what is written into `metrics.json` of a checkpoint."""
    return {"origin": origin, "path": str(path), "sha256": sha256(path), "warning": warning}


def _url(model: str) -> str:
    """The address of torchvision's first ImageNet checkpoint (`IMAGENET1K_V1`): the one that papers used."""
    weights = torchvision.models.get_model_weights(model)
    entry = next((w for w in weights if w.name == "IMAGENET1K_V1"), weights.DEFAULT)
    return str(entry.url)


def _check_hash(path: Path, name: str) -> None:
    prefix = re.search(r"-([0-9a-f]{8,})\.", name)
    got = sha256(path)
    if prefix and not got.startswith(prefix[1]):
        raise ValueError(f"its SHA-256 begins with {got[:8]}, not {prefix[1]}")
