"""Which arithmetic is fast here and keeps the picture: the `auto` of `trainer.precision`."""

import torch

FULL, HALF = "32-true", "bf16-mixed"


def precision(asked: str, *, network: bool, accelerator: str) -> str:
    """Return Lightning's word for the arithmetic of a run.

    `auto` is bfloat16 (products in 16 bits, their sums and all statistics in 32) where it was measured to help and to
    leave the final loss within 1 %: a torchvision network on a processor with bfloat16 instructions. Not the wavelets,
    whose convolutions of one channel gain nothing; not a GPU, where it has not been measured.

    Args:
        asked: `auto`, or one of Lightning's own words, which is returned as it is.
        network: Whether the backbone is a torchvision network.
        accelerator: Lightning's word for the device; `auto` is a GPU where there is one.
    """
    if asked != "auto":
        return asked
    on_cpu = accelerator == "cpu" or (accelerator == "auto" and not _has_gpu())
    return HALF if network and on_cpu and has_bfloat16() else FULL


def has_bfloat16() -> bool:
    """Tell whether this processor multiplies bfloat16 by instructions of its own (AVX-512 BF16, AMX)."""
    return any(getattr(torch.cpu, name, bool)() for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))


def _has_gpu() -> bool:
    return torch.cuda.is_available() or torch.backends.mps.is_available()
