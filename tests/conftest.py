"""What several tests share: small pictures, a tiny backbone, the program itself as a process."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from nst.backbones import Input, Wavelet

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
"""Real pictures and weights for development; tests that use them are skipped where they are not."""


@pytest.fixture
def wavelet() -> Wavelet:
    """A small wavelet backbone."""
    from omegaconf import OmegaConf

    options = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/backbone/wavelet.yaml"))
    del options["defaults"], options["_target_"]
    return Wavelet(layers=["s0", "s1"], input=Input(mean=[0.5] * 3, std=[1.0] * 3), **options)


@pytest.fixture
def noise() -> Callable[..., torch.Tensor]:
    """Seeded pictures: noise(h, w) -> (1, 3, h, w) in [0, 1]."""

    def make(height: int = 24, width: int = 32, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=dtype)

    return make


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photograph-like file of 96 x 64 pixels: a gradient with a square."""
    image = Image.new("RGB", (96, 64))
    image.putdata([(x * 2, y * 3, 255 - x * 2) for y in range(64) for x in range(96)])
    image.paste((250, 240, 20), (30, 20, 60, 50))
    path = tmp_path / "photo.png"
    image.save(path)
    return path


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `python train.py ARGUMENTS` in an empty folder, offline."""

    def run(*arguments: str, cwd: Path = tmp_path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "train.py"), *arguments],
            cwd=cwd,
            env=os.environ | {"NST_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"} | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


QUICK = ("size=64", "steps=3", "logger=none", "trainer.accelerator=cpu")
"""Overrides of a run that only has to end."""
