"""The fastest device, and the arithmetic that `trainer.precision=auto` stands for."""

import os
import subprocess
import sys
from typing import Any

import torch

FLOAT32, BFLOAT16 = "32-true", "bf16-mixed"
"""Lightning's names of the two precisions that `auto` chooses from."""


def fastest() -> str:
    """Return the type of the fastest device of this machine: `cuda`, `mps` or `cpu`."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def named(word: str) -> str:
    """Return the type of device that a user names: `cpu`, `cuda`, `mps`, or `gpu` for the fastest.

    Raises:
        ValueError: There is no such device, or torch can't use it here.
    """
    found = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if word == "gpu" and fastest() != "cpu":
        return fastest()
    if word not in (*found, "gpu"):
        raise ValueError(f"device is {word!r}; give cpu, gpu, cuda, mps, or null for the fastest")
    if not found.get(word):
        raise ValueError(f"device={word}, but torch finds no such GPU here; give device=cpu, or null for the fastest")
    return word


def device_type(accelerator: str) -> str:
    """Return the type of the device that Lightning uses for an accelerator; `auto` and `gpu` mean the fastest."""
    return fastest() if accelerator in ("auto", "gpu") else accelerator


def precision(asked: str, *, network: bool, accelerator: str) -> str:
    """Return Lightning's name of the precision of a run.

    `auto` is bfloat16 (convolutions and matrix products in 16 bits, their sums and all statistics in 32) where it was
    measured to be faster and to leave the final loss within 1 %: a torchvision network on a CPU with bfloat16
    instructions. The wavelets' single-channel convolutions gain nothing; GPUs have not been measured.

    Args:
        asked: `auto`, or one of Lightning's names, which is returned as it is.
        network: Whether the backbone is a torchvision network.
        accelerator: Lightning's name of the device.
    """
    if asked != "auto":
        return asked
    on_cpu = accelerator in ("auto", "cpu") and device_type(accelerator) == "cpu"
    return BFLOAT16 if network and on_cpu and has_bfloat16() else FLOAT32


def has_bfloat16() -> bool:
    """Return whether this CPU has instructions that multiply bfloat16 (AVX-512 BF16 or AMX)."""
    return any(getattr(torch.cpu, name, bool)() for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))


def arithmetic(device: str, precision: str) -> dict[str, Any]:
    """Return in what a run computes, for its record.

    float32 on an NVIDIA GPU is not what it is elsewhere: cuDNN rounds what it convolves to TF32, with 10 bits after the
    point instead of 23, unless NVIDIA_TF32_OVERRIDE=0 is set.

    Args:
        device: Its type.
        precision: Lightning's name of it.
    """
    if device != "cuda":
        return {"precision": precision}
    tf32 = os.environ.get("NVIDIA_TF32_OVERRIDE") != "0"
    products = torch.backends.cuda.matmul.allow_tf32
    return {
        "precision": precision,
        "gpu": torch.cuda.get_device_name(),
        "tf32": {"convolutions": tf32 and torch.backends.cudnn.allow_tf32, "matrix products": tf32 and products},
    }


def take_own_gpu(number: int) -> None:
    """Show this process one of several GPUs, before it uses any, so that jobs at the same time do not share the first.

    Args:
        number: Of the job; job n takes GPU n modulo their number.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus = visible.split(",") if visible else [str(n) for n in range(_count())]
    if len(gpus) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]


def _count() -> int:
    """Return how many GPUs there are, without using one: on Windows torch would, and take no other word for it then."""
    if sys.platform != "win32":
        return torch.cuda.device_count()
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    return len(listed.stdout.strip().splitlines())
