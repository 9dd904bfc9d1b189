"""The programs, whole, on the pretend GPU: everything is in its place, and they paint what the processor paints."""

import json

import numpy as np
import pytest
import torch
from conftest import picture

from nst.callbacks.stop_on_signal import StopOnSignal
from pretend_gpu import rules
from pretend_gpu.device import KIND, counted

TINY = ("backbone=wavelet", "size=64", "steps=4", "judge=none", "timelapse=none")
GPU, CPU = {"cuda": "trainer=gpu", "mps": "trainer=mps"}[KIND], "trainer=cpu"

ON_CUDA = pytest.mark.skipif(KIND != "cuda", reason="torch's C++ has CUDA's autocast here, and Apple's GPU no float64")


def finished(folder):
    """The figures of a run that ended well."""
    assert json.loads((folder / "status.json").read_text())["state"] == "finished"
    return json.loads((folder / "metrics.json").read_text())


def same_picture(one, other, within):
    pictures = [np.asarray(picture(folder / "final.png")).astype(int) for folder in (one, other)]
    assert np.abs(pictures[0] - pictures[1]).max() <= within


def test_a_picture_with_all_defaults(program):
    with counted() as counts:
        folder = program(GPU, "backbone=wavelet", "size=64", "steps=4")
    assert [str(func) for func in counts.seen if not rules.runs_on_mps(func)] == []  # Apple's GPU has them all
    made = finished(folder)
    assert made["device"] == KIND
    assert made["judge"]["score"] is not None
    assert (folder / "timelapse.webp").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("method.space=laplacian",),
        ("method.space=image", "method.moments=resized", "pyramid.levels=2", "pyramid.smallest=48", "size=96"),
        ("method.space=input", "callbacks.clamp.low=-2", "callbacks.clamp.high=2"),
        ("optimizer=lbfgs", "scheduler=constant", "steps=1"),
        ("optimizer=sgd", "optimizer.lr=0.01", "scheduler=plateau"),
        ("scales=2", "size=96"),
        ("tiles=32",),
        pytest.param(("trainer.precision=bf16-mixed",), marks=ON_CUDA),
        pytest.param(("trainer.precision=64-true", "optimizer.fused=false"), marks=ON_CUDA),
        ("loss=wasserstein",),
        ("loss=wasserstein", "loss.style.iterations=12"),
        ("loss=sliced",),
        ("experiment=strotss", "backbone=wavelet", "pyramid.levels=1"),
        ("color=keep_luminance",),
        ("init=noise",),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_every_space_optimizer_and_precision(program, words):
    (here, there) = (program(*TINY, device, *words, folder=device) for device in (GPU, CPU))
    assert finished(here)["device"] == KIND
    low = "bf16" in words[0]
    assert finished(here)["loss"] == pytest.approx(finished(there)["loss"], rel=0.05 if low else 0.01)
    same_picture(here, there, within=40 if low else 12)  # each step magnifies the rounding of the one before


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("method.space=image", "method.moments=resized")], ids=len)
@pytest.mark.parametrize("stop", [2, 5], ids=["in level 1", "in level 2"])
def test_a_resumed_run_paints_the_same(program, monkeypatch, words, stop):
    words = (*TINY, GPU, *words, "size=96", "pyramid.levels=2", "pyramid.smallest=48", "checkpoint.every=1")
    whole = program(*words, folder="whole")

    def stops(self, trainer, module, *args):
        if module.first_step + trainer.global_step == stop:
            self.received = 15
        self.check()

    with monkeypatch.context() as patched:
        patched.setattr(StopOnSignal, "on_train_batch_start", stops)
        program(*words, folder="cut", code=143)
    program("resume=cut", folder=None)
    # what Apple's GPU leaves to the processor has its gradients summed by two threads, in any order
    exact = KIND == "cuda"
    assert finished(whole.parent / "cut")["loss"] == pytest.approx(finished(whole)["loss"], rel=0 if exact else 1e-3)
    same_picture(whole, whole.parent / "cut", within=0 if exact else 12)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["feedforward", "multistyle", "adain", "any_style"])
@pytest.mark.parametrize("precision", ["32-true", pytest.param("bf16-mixed", marks=ON_CUDA)])
def test_a_network_is_trained_and_paints(program, photo, method, precision):
    words = ("steps=2", "training.batch=2", "training.crop=32", "training.preview_every=1", "logger=tensorboard")
    style = "style=[hatching,mosaic]" if method != "feedforward" else "style=hatching"
    network = program(GPU, f"method={method}", style, *words, f"trainer.precision={precision}", "method.style_size=48")
    assert finished(network)["device"] == KIND
    more = [f"style={photo}"] if method in ("adain", "any_style") else []
    for device in (KIND, "cpu"):
        program(
            f"checkpoint={network / 'network.ckpt'}", f"content={photo}", f"output={device}.png", f"device={device}",
            *more, script="stylize.py",
        )  # fmt: skip
    pictures = [np.asarray(picture(network.parent / f"{device}.png")).astype(int) for device in (KIND, "cpu")]
    assert np.abs(pictures[0] - pictures[1]).max() <= 1


@pytest.mark.slow
def test_a_run_that_diverges_keeps_the_last_good_picture(program, monkeypatch):
    monkeypatch.setenv("NST_REPORT", "1")
    spoil = "+callbacks.spoil._target_=pretend_gpu.counting.SpoilGradient"
    here, there = (program(*TINY, "steps=9", device, spoil, folder=device, code=1) for device in (GPU, CPU))
    for folder in (here, there):
        reason = json.loads((folder / "status.json").read_text())["reason"]
        assert "at step 2" in reason and "the last good picture is kept" in reason
    pictures = [np.asarray(picture(folder / "partial.png")).astype(int) for folder in (here, there)]
    assert np.abs(pictures[0] - pictures[1]).max() <= 12


@pytest.mark.slow
@ON_CUDA
@pytest.mark.parametrize(
    "words",
    [
        (),
        *((f"loss={name}",) for name in ("nnfm", "sliced", "histogram", "cnnmrf", "wasserstein")),
        ("experiment=strotss", "backbone=wavelet", "pyramid.levels=1"),
        ("backbone=squeezenet_embedded", "backbone.padding=reflect_all", "backbone.smoothing=softmax"),
        ("scales=2", "size=96"),
        ("method=feedforward", "steps=2", "training.batch=2", "training.crop=32"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_deterministic_operators_paint_too(program, words):
    tiny = TINY if "method=feedforward" not in words else ("style=hatching", "method.style_size=48")
    try:
        assert finished(program(GPU, *tiny, *words, "trainer.deterministic=true"))
    finally:
        torch.use_deterministic_algorithms(False)
