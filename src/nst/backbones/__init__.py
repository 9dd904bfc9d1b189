"""Frozen networks that turn an image into named feature maps."""

from nst.backbones.base import Backbone, Input
from nst.backbones.pretrained import Pretrained
from nst.backbones.wavelet import Wavelet

__all__ = ["Backbone", "Input", "Pretrained", "Wavelet"]
