"""The fastest device, and the arithmetic that `trainer.precision=auto` stands for."""

import torch

FLOAT32, BFLOAT16 = "32-true", "bf16-mixed"
"""Lightning's names of the two precisions that `auto` chooses from."""


def fastest() -> str:
    """Return the type of the fastest device of this machine: `cuda`, `mps` or `cpu`."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


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
