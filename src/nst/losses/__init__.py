"""The losses, one per file; `base`, `moments` and `sampling` hold their base classes."""

from nst.losses.base import Stats, Term
from nst.losses.cnnmrf import MarkovPatches
from nst.losses.content import Content
from nst.losses.covariance import Covariance
from nst.losses.earlier import Earlier
from nst.losses.gram import Gram
from nst.losses.histogram import Histogram
from nst.losses.laplacian import Laplacian
from nst.losses.mean_covariance import MeanCovariance
from nst.losses.meanstd import MeanStd
from nst.losses.moment import Moment
from nst.losses.nnfm import NearestFeatures
from nst.losses.remd import RelaxedEarthMover
from nst.losses.similarity import SelfSimilarity
from nst.losses.sliced import SlicedWasserstein
from nst.losses.tv import TotalVariation
from nst.losses.wasserstein import Wasserstein

__all__ = [
    "Content",
    "Covariance",
    "Earlier",
    "Gram",
    "Histogram",
    "Laplacian",
    "MarkovPatches",
    "MeanCovariance",
    "MeanStd",
    "Moment",
    "NearestFeatures",
    "RelaxedEarthMover",
    "SelfSimilarity",
    "SlicedWasserstein",
    "Stats",
    "Term",
    "TotalVariation",
    "Wasserstein",
]
