"""How much memory a run may still take: of the machine, of its container, of a GPU. Imports nothing of ours."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import torch

ROOT = Path("/")
NO_LIMIT = 1 << 60
"""Version 1 of cgroups writes a number above this where there is no limit."""


def free_memory(device: torch.device, root: Path = ROOT) -> int | None:
    """Return the bytes that may still be allocated on a device; None where the system does not say.

    On the processor: the least of what the machine has available and of what each enclosing cgroup (a container's or a
    job's limit, versions 1 and 2) has left, its page cache that can be dropped not counted as used.

    Args:
        device: Where the picture is.
        root: Of the file system; tests give their own.
    """
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        unused = torch.cuda.memory_reserved(index) - torch.cuda.memory_allocated(index)
        return int(torch.cuda.mem_get_info(index)[0]) + unused
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory()) - int(torch.mps.driver_allocated_memory())
    left = [*_machine(root), *_groups(root)]
    return min(left) if left else None


def _machine(root: Path) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * 1024


def _groups(root: Path) -> Iterator[int]:
    """What is left below each limit: of the own group and of all above it."""
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
    with contextlib.suppress(OSError, ValueError):  # no such file, or `max`: no limit
        most = int((group / limit).read_text())
        if most < NO_LIMIT:
            now = int((group / used).read_text())
            pages = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
            yield most - now + int(pages.get(cache, 0))
