"""Faster operators for the CPU behind PyTorch's semantics; README.md says what and why.

Only what is named here is for other packages. `use("off")` takes PyTorch's own operators for all of it.
"""

from nst.kernels.addmm import addmm
from nst.kernels.allocator import keep_memory, release_memory, zeros_like
from nst.kernels.pyramid import laplacian_join
from nst.kernels.switch import use

__all__ = ["addmm", "keep_memory", "laplacian_join", "release_memory", "use", "zeros_like"]
