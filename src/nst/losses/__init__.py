"""The losses: one term per file."""

from nst.losses.content import Content
from nst.losses.gram import Gram
from nst.losses.term import Stats, Term
from nst.losses.tv import TotalVariation

__all__ = ["Content", "Gram", "Stats", "Term", "TotalVariation"]
