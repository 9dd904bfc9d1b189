"""Methods: what is trained, and in which stages."""

from nst.methods.adain import AdainMethod
from nst.methods.feedforward import Feedforward
from nst.methods.image import ImageMethod
from nst.methods.lesson import Task
from nst.methods.multistyle import Multistyle
from nst.methods.painting import DivergedError, Painting
from nst.methods.stage import Stage, Steps
from nst.methods.strokes import StylePicture
from nst.methods.training import Training

__all__ = [
    "AdainMethod",
    "DivergedError",
    "Feedforward",
    "ImageMethod",
    "Multistyle",
    "Painting",
    "Stage",
    "Steps",
    "StylePicture",
    "Task",
    "Training",
]
