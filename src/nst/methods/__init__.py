"""Methods: what is trained, and in which stages."""

from nst.methods.adain import AdainMethod
from nst.methods.feedforward import Feedforward
from nst.methods.image import ImageMethod
from nst.methods.image_module import DivergedError, ImageModule
from nst.methods.lesson import Task
from nst.methods.multistyle import Multistyle
from nst.methods.network_module import Training
from nst.methods.stage import Stage, Steps

__all__ = [
    "AdainMethod",
    "DivergedError",
    "Feedforward",
    "ImageMethod",
    "ImageModule",
    "Multistyle",
    "Stage",
    "Steps",
    "Task",
    "Training",
]
