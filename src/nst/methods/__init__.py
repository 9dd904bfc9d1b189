"""Methods: what is trained, and in which stages."""

from nst.methods.image import DivergedError, ImageMethod, Painting, StylePicture
from nst.methods.stage import Stage, Steps

__all__ = ["DivergedError", "ImageMethod", "Painting", "Stage", "Steps", "StylePicture"]
