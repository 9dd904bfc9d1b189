"""One page of a folder of runs: every picture with its choices and figures. Imports no torch: it answers at once."""

from nst.sweeps.gallery.page import make

__all__ = ["make"]
