"""What of a step may be recorded as a CUDA graph: nothing in it waits for the host or comes from it."""

import json

import pytest
import torch
from conftest import picture

from pretend_gpu.device import KIND, graphs

pytestmark = pytest.mark.skipif(KIND != "cuda", reason="a CUDA graph")
TINY = ("trainer=gpu", "size=64", "steps=3", "judge=none", "timelapse=none")


@pytest.fixture(autouse=True)
def recorded():
    graphs.clear()
    return graphs


def warnings_of(folder):
    return json.loads((folder / "metrics.json").read_text())["warnings"]


@pytest.mark.parametrize(
    "words",
    [
        ("backbone=wavelet",),
        pytest.param(("backbone=vgg19", "backbone.checkpoint=random"), marks=pytest.mark.slow),
    ],
)
def test_a_step_is_recorded_and_paints_the_same(program, recorded, words):
    folder = program(*TINY, *words)
    assert len(recorded) == 1 and recorded[0].kernels > 50
    assert "graph" not in " ".join(warnings_of(folder))
    other = program(*TINY, *words, "cuda_graph=off", folder="off")
    assert len(recorded) == 1
    assert picture(folder / "final.png").tobytes() == picture(other / "final.png").tobytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        *((f"loss={name}",) for name in ("gram", "gatys", "covariance", "meanstd", "spst", "laplacian")),
        ("trainer.precision=bf16-mixed",),
        ("pyramid.levels=2", "pyramid.smallest=48", "size=96"),
        ("method.space=image",),
        ("method.space=input",),
        ("weights.tv=1",),
        ("scales=2", "size=96"),
        ("optimizer=lbfgs", "scheduler=constant"),
    ],
    ids=lambda words: words[0],
)
def test_so_is_every_loss_that_draws_nothing(program, recorded, words):
    program(*TINY, "backbone=squeezenet_embedded", *words)
    assert len(recorded) == (2 if "pyramid.levels=2" in words else 1)


@pytest.mark.slow
@pytest.mark.parametrize("words", [("loss=sliced",), ("loss=wasserstein",), ("tiles=32",)], ids=lambda words: words[0])
def test_what_differs_from_step_to_step_is_not(program, recorded, words):
    program(*TINY, "backbone=wavelet", *words)
    assert recorded == []


def test_what_cannot_be_recorded_runs_without_a_graph(program, recorded, monkeypatch, capsys):
    from nst.objective import Objective

    total = Objective.total
    monkeypatch.setattr(Objective, "total", lambda self, *args: total(self, *args) * torch.ones(()).to("cuda"))
    folder = program(*TINY, "backbone=wavelet")
    assert (folder / "final.png").is_file()
    assert "the steps run without a CUDA graph: operation not permitted" in capsys.readouterr().out
    assert recorded == []
