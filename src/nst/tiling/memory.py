"""How much memory is free: of the machine, of its container, of a GPU."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import torch

from nst import kernels

ROOT = Path("/")
NO_LIMIT = 1 << 60
"""cgroups version 1 writes a larger number where there is no limit, bytes."""


def free_memory(device: torch.device, root: Path = ROOT) -> int | None:
    """Return the bytes that can still be allocated on a device; None where the system does not say.

    On a CPU this is the least of what the machine has available and of what each enclosing cgroup (the limit of a
    container or of a job, versions 1 and 2) has left, not counting page cache that can be dropped. What the process has
    freed and kept is released first.

    Args:
        device: The device.
        root: Root of the file system, for tests.
    """
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        unused = torch.cuda.memory_reserved(index) - torch.cuda.memory_allocated(index)
        return int(torch.cuda.mem_get_info(index)[0]) + unused
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory()) - int(torch.mps.current_allocated_memory())  # its cache is free
    kernels.release_memory()
    left = [*_machine(root), *_groups(root)]
    return min(left) if left else None


def _machine(root: Path) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * 1024


def _groups(root: Path) -> Iterator[int]:
    """What is left of the limits of the process's cgroup and of those above it."""
    base = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, limit, used, cache = base, "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            top, limit, used = base / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            cache = "total_inactive_file"
        else:
            continue
        own = top / path.lstrip("/")
        for group in [own, *own.parents]:
            if group == top or group.is_relative_to(top):
                yield from _left(group, limit, used, cache)


def _left(group: Path, limit: str, used: str, cache: str) -> Iterator[int]:
    with contextlib.suppress(OSError, ValueError):  # no such file, or `max`, which is no limit
        most = int((group / limit).read_text())
        if most < NO_LIMIT:
            now = int((group / used).read_text())
            pages = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
            yield most - now + int(pages.get(cache, 0))
