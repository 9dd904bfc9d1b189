"""What becomes of freed memory: the C library keeps it for the next step, or gives it back. Imports nothing of ours."""

import ctypes
import mmap
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4  # glibc's malloc.h
MOST, MAPPINGS = 2**25, 65536  # of glibc: the largest threshold it moves to by itself, bytes; how often it maps at most
APART = 2**26  # bytes from which a picture lies apart: of 2400 x 2400 pixels


@contextmanager
def kept(keep: bool = True) -> Iterator[None]:
    """Let freed memory stay with the process while the block runs.

    Every step allocates the same feature maps. glibc takes each map of 32 MiB or more from the system and returns it
    at once, so every step waits for the same pages to be mapped and cleared again: with kept memory VGG-19's step at
    512 x 512 takes four fifths of the time, a transformer network on a megapixel half. By tiles the peak
    grows by 3 % (SqueezeNet, 4096 x 4096) to a sixth (VGG-19, 2048 x 2048). It touches no value. On other C
    libraries and on GPUs it does nothing.

    At the end of the block the thresholds are those that glibc itself comes to in a process that frees such maps.

    Args:
        keep: Whether to do it.
    """
    call = _mallopt() if keep else None
    if call is None:
        yield
        return
    call(MMAP_MAX, 0)
    call(TRIM_THRESHOLD, -1)  # never
    try:
        yield
    finally:
        call(MMAP_MAX, MAPPINGS)
        call(MMAP_THRESHOLD, MOST)
        call(TRIM_THRESHOLD, 2 * MOST)
        give_back()


def give_back() -> None:
    """Return what is free in the process to the system, so that it counts as free there."""
    if _mallopt() is not None:
        ctypes.CDLL(None).malloc_trim(0)


def zeros_like(picture: Tensor) -> Tensor:
    """Return zeros of a picture's size; a large one is mapped by itself, and goes back to the system when it is freed.

    Where freed memory is kept, small things settle in the place of a large one, and the next step finds no room for it:
    the peak at 8192 x 8192 would grow by one picture more, of 0.8 GB.
    """
    size = picture.numel() * picture.element_size()
    if picture.device.type != "cpu" or size < APART or _mallopt() is None:
        return torch.zeros_like(picture)
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return torch.frombuffer(pages, dtype=picture.dtype).view(picture.shape)


@cache
def _mallopt() -> Callable[[int, int], Any] | None:
    return ctypes.CDLL(None).mallopt if platform.libc_ver()[0] == "glibc" else None
