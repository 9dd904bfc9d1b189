"""Methods: what is trained, and in which stages."""

from nst.methods.adain import AdainMethod
from nst.methods.any_style import AnyStyleMethod
from nst.methods.divergence import DivergedError
from nst.methods.feedforward import Feedforward
from nst.methods.film import FilmMethod, FilmOptions, FrameWork
from nst.methods.image import ImageMethod
from nst.methods.image_module import ImageModule
from nst.methods.multistyle import Multistyle
from nst.methods.network_module import NetworkMethod, NetworkModule
from nst.methods.stage import Method, Stage, Steps

__all__ = [
    "AdainMethod",
    "AnyStyleMethod",
    "DivergedError",
    "Feedforward",
    "FilmMethod",
    "FilmOptions",
    "FrameWork",
    "ImageMethod",
    "ImageModule",
    "Method",
    "Multistyle",
    "NetworkMethod",
    "NetworkModule",
    "Stage",
    "Steps",
]
