"""On a real GPU: what a pretend one can't say. `pytest -m gpu tests/test_gpu.py`, on an idle card."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, picture
from hydra import compose, initialize_config_dir
from lightning.pytorch import Callback
from omegaconf import OmegaConf
from torch.profiler import ProfilerActivity, profile

from nst.callbacks import progress
from nst.config import instantiate
from nst.config.compose import plain
from nst.data.image_io import DecodedImage
from nst.data.inputs import Inputs, StylePicture
from nst.methods import image_module
from nst.methods.pyramid import Level
from nst.objective import Objective, Target

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")]
LOSSES = sorted(path.stem for path in (ROOT / "src/nst/conf/loss").glob("*.yaml"))
VGG19 = ("backbone=vgg19", "backbone.checkpoint=random")


def configured(*words: str):
    with initialize_config_dir(str(ROOT / "src/nst/conf"), version_base="1.3"):
        return OmegaConf.create(instantiate.settled(plain(compose("train", ["trainer=gpu", "name=test", *words]))))


def pictures(height: int, width: int) -> list[torch.Tensor]:
    """Three smooth pictures."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(3, 3, height // 4, width // 4, generator=generator)
    return [one[None].contiguous() for one in torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")]


def fit(size: int, steps: int, *words: str, watch: Callback):
    """Take steps on a picture of size x size pixels; return its module."""
    config = configured(f"size={size}", *words)
    method = instantiate.method(config, objective=instantiate.objective(config))
    method.levels = [Level(size, steps)]
    content, style, _ = pictures(size, size)
    stage = next(method.stages(Inputs(DecodedImage(content), content, [StylePicture("style", style)])))
    instantiate.trainer(config, Path(), steps, [], [watch]).fit(stage.module, stage.data)
    return stage.module


def train(folder: Path, *words: str) -> dict:
    command = [
        sys.executable,
        str(ROOT / "train.py"),
        *words,
        *([] if any("run.dir" in word for word in words) else ["hydra.run.dir=run"]),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(max(folder.glob("*/metrics.json"), key=lambda file: file.stat().st_mtime).read_text())


@pytest.mark.parametrize("loss", LOSSES)
def test_loss_and_gradient_are_the_processors(loss) -> None:
    config = configured(f"loss={loss}", "trainer.precision=32-true")
    objective, found = instantiate.objective(config), []
    content, style, image = pictures(96, 128)
    torch.backends.cudnn.allow_tf32 = False
    try:
        for device in ("cpu", "cuda"):
            objective.to(device)
            references = objective.references(content.to(device), [Target(style.to(device))])
            at = image.to(device).requires_grad_()
            value = objective.total(objective(at, references))
            found.append((value.item(), *(one.cpu() for one in torch.autograd.grad(value, at))))
    finally:
        torch.backends.cudnn.allow_tf32 = True
    (loss_there, there), (loss_here, here) = found
    assert loss_here == pytest.approx(loss_there, rel=1e-3)
    assert (here - there).norm() < 0.02 * there.norm()  # a nearest neighbour may be another of two that are as near


@pytest.mark.parametrize("words", [(), ("optimizer=lbfgs", "scheduler=constant", "steps=2"), ("method.space=image",)])
def test_the_program_paints_what_the_processor_paints(tmp_path, words) -> None:
    found = []
    for device in ("cpu", "gpu"):
        folder = tmp_path / device
        folder.mkdir()
        made = train(folder, f"trainer={device}", "trainer.precision=32-true", "size=128", "steps=8", *words)
        found.append((made["loss"], np.asarray(picture(folder / "run/final.png")).astype(int)))
    (loss_there, there), (loss_here, here) = found
    assert loss_here == pytest.approx(loss_there, rel=0.02)
    assert np.median(abs(here - there)) <= 1


class Strict(Callback):
    """Makes every wait of the host for the GPU an error, from one step to another."""

    def on_train_batch_start(self, trainer, module, *args) -> None:
        torch.cuda.set_sync_debug_mode("error" if 3 <= trainer.global_step < 9 else "default")

    def on_train_end(self, *args) -> None:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("words", [VGG19, ("backbone=wavelet",), ("method.space=image",)])
def test_the_host_does_not_wait_in_a_step(monkeypatch, words) -> None:
    for module in (image_module, progress):
        monkeypatch.setattr(module, "PAUSE", math.inf)
    fit(128, 12, *words, watch=Strict())


class Profiled(Callback):
    """Counts what the host starts in the fifth step."""

    def on_train_batch_start(self, trainer, module, *args) -> None:
        if trainer.global_step == 4:
            self.profile = profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA])
            self.profile.__enter__()
        if trainer.global_step == 5:
            torch.cuda.synchronize()
            self.profile.__exit__(None, None, None)

    def started(self, *names: str) -> int:
        return sum(event.name in names for event in self.profile.events())


KERNELS = ("cudaLaunchKernel", "cuLaunchKernel", "cudaLaunchKernelExC", "cuLaunchKernelEx")


def test_a_step_of_vgg19_starts_few_kernels() -> None:
    watch = Profiled()
    fit(256, 7, "cuda_graph=off", *VGG19, watch=watch)
    assert 0 < watch.started(*KERNELS) < 260  # the pretend GPU counts operators, of which some start two kernels


@pytest.mark.parametrize("words", [VGG19, ("backbone=wavelet",), ("backbone=small_vgg19",), ("method.space=image",)])
def test_a_step_is_two_graphs_and_the_optimiser(words) -> None:
    watch = Profiled()
    fit(256, 7, *words, watch=watch)
    assert watch.started("cudaGraphLaunch") == 2
    assert watch.started(*KERNELS) < 60


@pytest.mark.parametrize(
    "words", [(), VGG19, ("loss=gatys",), ("trainer.precision=bf16-mixed",), ("pyramid.levels=2",)]
)
def test_a_graph_paints_the_same(tmp_path, words) -> None:
    made = {}
    for graph in ("auto", "off"):
        folder = tmp_path / graph
        folder.mkdir()
        found = train(folder, "trainer=gpu", "size=256", "steps=12", f"cuda_graph={graph}", *words)
        made[graph] = found["loss"], np.asarray(picture(folder / "run/final.png")).astype(int)
        assert "graph" not in " ".join(found["warnings"])
    assert made["auto"][0] == pytest.approx(made["off"][0], rel=1e-2)  # cuDNN may choose other kernels
    assert np.median(abs(made["auto"][1] - made["off"][1])) <= 1


@pytest.mark.parametrize(
    ("words", "size"), [((), 2048), (VGG19, 1024), (("backbone=wavelet",), 2048), (("tiles=512", *VGG19), 3072)]
)
def test_what_auto_predicts_is_what_is_allocated(words, size) -> None:
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    module = fit(size, 3, *words, watch=Callback())
    objective: Objective = module.objective
    windows = objective.plan.windows(module.image())
    halo = 0 if windows is None else max(sum(pair) for pair in objective.plan.tiling.halo)
    at_once = size**2 if windows is None else (512 + halo) ** 2
    taken = torch.cuda.max_memory_allocated() - before
    assert 0.8 < objective.plan.predicted(size**2, at_once) / taken < 1.5


def test_8192_pixels_fit(tmp_path) -> None:
    made = train(tmp_path, "trainer=gpu", "size=8192", "steps=2", "timelapse=none", *VGG19)
    assert max(made["size"]) == 8192
    assert made["peak_memory_bytes"] < torch.cuda.get_device_properties(0).total_memory


def test_the_default_picture_takes_five_seconds(tmp_path) -> None:
    train(tmp_path, "trainer=gpu", "size=64", "steps=2", "hydra.run.dir=warm")
    assert train(tmp_path, "trainer=gpu")["seconds"] <= 5


def test_vgg19_is_faster_than_plain_loops(tmp_path) -> None:
    words = ["--sizes", "512", "--backbones", "vgg19", "--optimizers", "adam", "--steps", "20", "--best"]
    command = [sys.executable, str(ROOT / "scripts/benchmark.py"), *words, "--out", str(tmp_path)]
    subprocess.run(command, check=True)
    (row,) = json.loads((tmp_path / "benchmark.json").read_text())
    assert row["ratio"] <= 0.25
    assert row["best_ratio"] <= 0.7
