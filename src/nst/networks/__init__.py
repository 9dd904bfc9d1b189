"""Networks that paint a photograph in a style in one pass."""

from nst.networks.adain import Adain, StyleBlend
from nst.networks.any_style import AnyStyle
from nst.networks.instance_norm import Moments, fixed_moments, held_moments, mean_moments, visible_moments
from nst.networks.known_styles import KnownStyles
from nst.networks.transformer import Transformer
from nst.networks.unet import UNet

__all__ = [
    "Adain",
    "AnyStyle",
    "KnownStyles",
    "Moments",
    "StyleBlend",
    "Transformer",
    "UNet",
    "fixed_moments",
    "held_moments",
    "mean_moments",
    "visible_moments",
]
