"""Freed memory: kept while the block runs, given back after it."""

import platform
import subprocess
import sys

import pytest
import torch

from nst.kernels import allocator

PROBE = """
import os
from pathlib import Path
import torch
from nst.kernels import allocator

def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def use(rows=50):
    torch.ones(rows, 2**20)  # 4 MB a row, freed at once

use()
before = held()
with allocator.keep_memory(KEEP):
    use()
    inside = held()
    allocator.release_memory()
    given = held()
    use()
after = held()
use(200)  # more than all that the block had, whose holes in the heap malloc would take instead of a mapping
print(inside - before, given - before, after - before, held() - before)
"""


def _probe(keep: bool) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.replace("KEEP", str(keep))], capture_output=True, text=True, check=True
    )
    return [int(word) for word in done.stdout.split()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such thresholds")
def test_what_a_step_frees_stays_until_the_block_ends() -> None:
    inside, given, after, later = _probe(keep=True)
    assert inside > 190 * 2**20
    assert max(given, after, later) < 20 * 2**20  # as before, for what comes after the block too


def test_without_it_the_system_has_it_back_at_once() -> None:
    assert max(_probe(keep=False)) < 20 * 2**20


LARGE = """
import os
from pathlib import Path
import torch
from nst.kernels import allocator

def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

picture = torch.rand(1, 3, 4096, 4096)
with allocator.keep_memory():
    before = held()
    zeros = allocator.zeros_like(picture)
    assert zeros.shape == picture.shape and zeros.dtype == picture.dtype and zeros.max() == 0
    zeros.add_(picture)
    assert torch.equal(zeros, picture)
    inside = held()
    del zeros
    print(inside - before, held() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such thresholds")
def test_a_large_picture_is_not_kept_when_it_is_freed() -> None:
    done = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=True)
    inside, after = (int(word) for word in done.stdout.split())
    assert inside > 190 * 2**20
    assert after < 20 * 2**20


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_small_one_is_zeros_as_well(dtype) -> None:
    zeros = allocator.zeros_like(torch.ones(1, 3, 5, 7, dtype=dtype))
    assert zeros.shape == (1, 3, 5, 7) and zeros.dtype == dtype and not zeros.any()
