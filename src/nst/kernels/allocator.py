"""Freed memory stays with the process while a job runs (glibc's malloc); nothing happens elsewhere."""

import ctypes
import mmap
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor

from nst.kernels.switch import enabled

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4  # glibc's malloc.h
LARGEST_MMAP_THRESHOLD, DEFAULT_MMAP_MAX = 2**25, 65536  # bytes to which glibc raises its threshold; its default
OWN_MAPPING = 2**26  # bytes from which zeros get a mapping of their own: an image of 2400 x 2400 pixels


@contextmanager
def keep_memory(keep: bool = True) -> Iterator[None]:
    """Keep freed memory in the process while the block runs.

    Every step allocates the same feature maps. glibc maps each block of 32 MiB or more anew and unmaps it when it is
    freed, so every step waits for the same pages to be mapped and cleared. With kept memory a step of VGG-19 at
    512 x 512 takes four fifths of the time, a transformer network on a megapixel half. With tiles the peak grows by 3 %
    (SqueezeNet, 4096 x 4096) to a sixth (VGG-19, 2048 x 2048). No value changes.

    After the block the thresholds are those that glibc itself reaches in a process that frees such maps.

    Args:
        keep: False does nothing.
    """
    mallopt = _mallopt() if keep else None
    if mallopt is None:
        yield
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, -1)  # never
    try:
        yield
    finally:
        mallopt(M_MMAP_MAX, DEFAULT_MMAP_MAX)
        mallopt(M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD)
        mallopt(M_TRIM_THRESHOLD, 2 * LARGEST_MMAP_THRESHOLD)
        release_memory()


def release_memory() -> None:
    """Return the process's free memory to the system (`malloc_trim`), as `torch.cuda.empty_cache` does on a GPU."""
    if _mallopt() is not None:
        ctypes.CDLL(None).malloc_trim(0)


def zeros_like(image: Tensor) -> Tensor:
    """Return what `torch.zeros_like` does; a large one has a memory mapping of its own, unmapped when it is freed.

    Where freed memory is kept, small tensors would settle in its place, and the next step would find no room for it:
    the peak at 8192 x 8192 would grow by one more image of 0.8 GB.
    """
    size = image.numel() * image.element_size()
    if image.device.type != "cpu" or size < OWN_MAPPING or _mallopt() is None:
        return torch.zeros_like(image)
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return torch.frombuffer(pages, dtype=image.dtype).view(image.shape)


def _mallopt() -> Callable[[int, int], Any] | None:
    return _glibc_mallopt() if enabled() else None


@cache
def _glibc_mallopt() -> Callable[[int, int], Any] | None:
    return ctypes.CDLL(None).mallopt if platform.libc_ver()[0] == "glibc" else None
