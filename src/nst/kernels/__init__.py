"""Faster operators for the CPU behind PyTorch's semantics; README.md says which and why.

Other packages import these names alone. With `use("off")`, the option `kernels=off`, each is plain PyTorch.
"""

from nst.kernels.addmm import addmm
from nst.kernels.allocator import keep_memory, release_memory, zeros_like
from nst.kernels.filter_bank import filter_bank
from nst.kernels.fuse import optimize
from nst.kernels.pyramid import laplacian_join
from nst.kernels.switch import check, use

__all__ = [
    "addmm",
    "check",
    "filter_bank",
    "keep_memory",
    "laplacian_join",
    "optimize",
    "release_memory",
    "use",
    "zeros_like",
]
