"""Networks that learn to paint: one pass from a photograph to a picture."""

from nst.networks.adain import Adain, Blend
from nst.networks.instance_norm import Moments, held
from nst.networks.transformer import Transformer

__all__ = ["Adain", "Blend", "Moments", "Transformer", "held"]
