"""Networks that paint a photograph in a style in one pass."""

from nst.networks.adain import Adain, StyleBlend
from nst.networks.instance_norm import Moments, fixed_moments, held_moments, mean_moments
from nst.networks.transformer import Transformer

__all__ = ["Adain", "Moments", "StyleBlend", "Transformer", "fixed_moments", "held_moments", "mean_moments"]
