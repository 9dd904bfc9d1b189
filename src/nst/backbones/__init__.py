"""Frozen networks that turn an image into named feature maps."""

from typing import TYPE_CHECKING, Any

from nst.backbones.base import Backbone, Input
from nst.backbones.wavelet import Wavelet

if TYPE_CHECKING:
    from nst.backbones.pretrained import Pretrained

__all__ = ["Backbone", "Input", "Pretrained", "Wavelet"]


def __getattr__(name: str) -> Any:
    """Import torchvision, which takes over a second, only for those who ask for its networks."""
    if name != "Pretrained":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from nst.backbones.pretrained import Pretrained

    return Pretrained
