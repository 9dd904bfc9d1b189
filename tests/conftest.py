"""What several tests share: small pictures, a tiny backbone, the program itself as a process."""

import multiprocessing
import os
import runpy
import shlex
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision_backbones  # noqa: F401  it keeps random networks
from PIL import Image

from nst.backbones import Input, Wavelet
from nst.losses import Content, Gram
from nst.objective import Objective
from nst.utils.errors import REPORT

for number in (signal.SIGINT, signal.SIGHUP):
    if (
        signal.getsignal(number) is signal.SIG_IGN
    ):  # tests in the background: the programs that they start would ignore it too
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
torch.set_num_threads(int(os.environ.setdefault("OMP_NUM_THREADS", "1")))  # two workers share two cores

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
"""Real pictures and weights for development; tests that use them are skipped where they are not."""
COMPILERS = "cc", "gcc", "clang"
IN_C = pytest.mark.skipif(
    sys.platform != "linux" or not any(map(shutil.which, shlex.split(os.environ.get("CC", ""))[:1] or COMPILERS)),
    reason="no C compiler here",
)
"""Asks for a compiler, not for what it makes: C that does not compile must fail."""


@pytest.fixture(autouse=True)
def errors_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take back what a command that a test calls in this process sets so that errors become a line."""
    for name in ("HYDRA_FULL_ERROR", REPORT):
        if name not in os.environ:
            monkeypatch.setenv(name, "")
            monkeypatch.delenv(name)


@pytest.fixture
def wavelet() -> Wavelet:
    """A small wavelet backbone."""
    from omegaconf import OmegaConf

    options = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/backbone/wavelet.yaml"))
    del options["defaults"], options["_target_"]
    return Wavelet(layers=["s0", "s1"], input=Input(mean=[0.5] * 3, std=[1.0] * 3), **options)


@pytest.fixture
def objective(wavelet: Wavelet) -> Objective:
    """Content and style over it."""
    return Objective(
        backbone=wavelet,
        terms={
            "content": Content(layers={"s1": 1.0}, weight=0.3, reduction="relative", layer_reduction="mean"),
            "style": Gram(
                layers={"s0": 1.0, "s1": 1.0}, weight=1.0, normalize="hw", reduction="relative", layer_reduction="mean"
            ),
        },
    )


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


def grey_noise(size: tuple[int, int], deviation: float, seed: int = 0) -> Image.Image:
    """A picture of normal grey noise around 128, width by height; that of Pillow has no seed."""
    values = np.random.default_rng(seed).normal(128, deviation, size[::-1])
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def picture(path: Path) -> Image.Image:
    """A picture file, read and closed."""
    with Image.open(path) as image:
        image.load()
        return image.copy()


@dataclass(frozen=True)
class Done:
    """How a run ended."""

    returncode: int
    stdout: str
    stderr: str


def _train(arguments: tuple[str, ...], cwd: Path, environment: dict[str, str]) -> None:
    """What a new process does: `python train.py ARGUMENTS` in a folder, its output into two files there."""
    os.chdir(cwd)
    os.environ.update(environment)
    for name, stream in ((".stdout", 1), (".stderr", 2)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    sys.argv = ["train.py", *arguments]
    runpy.run_path(str(ROOT / "train.py"), run_name="__main__")


def cache_in(folder: Path) -> Path:
    """Make a cache folder of a test's own; only the compiled kernels in it are shared, which takes 2 s to compile."""
    compiled, cache = ROOT / ".pytest_cache" / "native", folder / "cache"
    for path in (compiled, cache):
        path.mkdir(parents=True, exist_ok=True)
    if not (cache / "native").exists():
        (cache / "native").symlink_to(compiled)
    return cache


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Any]:
    """Start `python train.py ARGUMENTS` in a process of its own, in an empty folder.

    The process is forked from a server that has only imported torch, which saves three seconds a run.
    """
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["nst.experiment.run", "hydra"])

    def begin(*arguments: str, **environment: str) -> Any:
        more = {"NST_CACHE": str(cache_in(tmp_path)), **environment}
        process = server.Process(target=_train, args=(arguments, tmp_path, more))
        process.start()
        return process

    return begin


@pytest.fixture
def train(start: Callable[..., Any], tmp_path: Path) -> Callable[..., Done]:
    """Run `python train.py ARGUMENTS` as `start` does, to its end."""

    def run(*arguments: str, **environment: str) -> Done:
        process = start(*arguments, **environment)
        process.join(timeout=300)
        if process.exitcode is None:
            process.kill()
            pytest.fail(f"train.py {' '.join(arguments)} did not end in 300 seconds")
        return Done(process.exitcode, (tmp_path / ".stdout").read_text(), (tmp_path / ".stderr").read_text())

    return run


QUICK = ("backbone=wavelet", "size=64", "steps=3", "logger=none", "trainer.accelerator=cpu")
"""Overrides of a run that only has to end; the wavelets start fastest."""
