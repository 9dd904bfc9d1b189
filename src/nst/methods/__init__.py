"""Methods: what is trained, and in which stages."""

from nst.methods.image import ImageMethod
from nst.methods.painting import DivergedError, Painting
from nst.methods.stage import Stage, Steps
from nst.methods.strokes import StylePicture

__all__ = ["DivergedError", "ImageMethod", "Painting", "Stage", "Steps", "StylePicture"]
