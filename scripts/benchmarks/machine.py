"""What the device at hand is, does and holds."""

import copy
import gc
import os
import platform
import statistics
import time
from pathlib import Path

import torch
import torchvision
from torch.utils.flop_counter import FlopCounterMode

from nst import kernels
from nst.backbones.base import Backbone

PATIENCE = 5.0  # seconds: a processor without bfloat16 takes one for each of its products


def device() -> torch.device:
    """Return the GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def wait(where: torch.device) -> None:
    """Wait until the device has done what it was told."""
    if where.type == "cuda":
        torch.cuda.synchronize(where)


def held(where: torch.device) -> int:
    """Return the bytes that are held now."""
    if where.type == "cuda":
        return torch.cuda.memory_allocated(where)
    gc.collect()
    kernels.release_memory()  # else what the last turn freed still counts
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def about() -> dict[str, object]:
    """Return processor, threads and versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
    gpu = {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return gpu | {
        "processor": model,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
    }


def rates(where: torch.device) -> dict[str, float]:
    """Return the operations per second of a large matrix product, by precision; of two sizes, the faster's."""
    edges = (8192,) if where.type == "cuda" else (1024, 2048)
    kinds = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    return {name: max(_rate(edge, kind, where) for edge in edges) for name, kind in kinds.items()}


def _rate(edge: int, kind: torch.dtype, where: torch.device) -> float:
    a, b = (torch.rand(edge, edge, device=where).to(kind) for _ in range(2))
    seconds: list[float] = []
    while len(seconds) < 2 or (len(seconds) < 12 and sum(seconds) < PATIENCE):
        began = time.perf_counter()
        a @ b
        wait(where)
        seconds.append(time.perf_counter() - began)
    return 2 * edge**3 / statistics.median(seconds[1:])


def operations(backbone: Backbone, size: int) -> int:
    """Count the floating-point operations of a forward pass; no arithmetic is done."""
    twin = copy.deepcopy(backbone).to("meta").eval()
    with FlopCounterMode(display=False) as counter:
        twin(torch.empty(1, 3, size, size, device="meta"))
    return int(counter.get_total_flops())
