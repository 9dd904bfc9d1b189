"""The losses: one term per file."""

from nst.losses.content import Content
from nst.losses.covariance import Covariance
from nst.losses.gram import Gram
from nst.losses.mean_covariance import MeanCovariance
from nst.losses.meanstd import MeanStd
from nst.losses.term import Stats, Term
from nst.losses.tv import TotalVariation
from nst.losses.wasserstein import Wasserstein

__all__ = ["Content", "Covariance", "Gram", "MeanCovariance", "MeanStd", "Stats", "Term", "TotalVariation", "Wasserstein"]
