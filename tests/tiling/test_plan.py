"""When `tiles=auto` cuts a picture, and what it says."""

import pytest
import torch
from conftest import ROOT
from omegaconf import OmegaConf

from nst import losses
from nst.backbones import Input, Pretrained, Wavelet
from nst.objective import Objective
from nst.tiling import plan
from nst.utils.distributed import SINGLE_PROCESS, Ranks

INPUT = {"mean": [0.5, 0.4, 0.3], "std": [0.9, 1.0, 1.1]}
RELATIVE = {"reduction": "relative", "layer_reduction": "mean"}
PLAIN = {"pooling": "max", "padding": "zeros", "smoothing": "none"}


def wavelets(*layers: str) -> Wavelet:
    options = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/backbone/wavelet.yaml"))
    del options["defaults"], options["_target_"]
    return Wavelet(layers=layers, input=Input(**INPUT), **options)


def test_auto_keeps_a_network_whole_that_can_t_be_cut(free, caplog) -> None:
    source = {"model": "efficientnet_b0", "checkpoint": "random", "seed": 0, "download": None}
    network = Pretrained(layers=("features.2",), input=Input(**INPUT), **source, **PLAIN)
    gram = losses.Gram(layers={"features.2": 1.0}, weight=1.0, normalize="hw", **RELATIVE)
    objective = Objective(backbone=network, terms={"style": gram}, cut="auto")
    free(0.01)
    assert objective.plan.windows(torch.rand(1, 3, 128, 128)) is None
    assert "layer features.2 sees the whole picture" in caplog.text


@pytest.fixture
def free(monkeypatch):
    def limit(gigabytes: float | None) -> None:
        value = None if gigabytes is None else int(gigabytes * 1e9)
        monkeypatch.setattr(plan, "free_memory", lambda device: value)

    return limit


class Alike(Ranks):
    """One of several processes, the others of which compute the same."""

    def broadcast(self, number: int, device: torch.device) -> int:
        return number

    def sum(self, values):
        return values


def choose(style: losses.Term, size: tuple[int, int], world: int = 1):
    objective = Objective(backbone=wavelets("s0", "y1"), terms={"style": style}, cut="auto")
    ranks = SINGLE_PROCESS if world == 1 else Alike(0, world)
    return objective.plan.windows(torch.zeros(1, 3, 1, 1).expand(1, 3, *size), ranks)


def test_auto_cuts_only_what_would_not_fit_and_says_why(free, caplog) -> None:
    gram = losses.Gram(layers={"s0": 1.0, "y1": 1.0}, weight=1.0, normalize="hw", **RELATIVE)
    caplog.set_level("INFO", "nst")
    free(64)
    assert choose(gram, (1024, 1024)) is None
    free(None)
    assert choose(gram, (1024, 1024)) is None
    assert not caplog.text
    free(2)
    many = choose(gram, (1024, 1024))
    assert len(many) > 1
    assert "1024 x 1024 px would take about" in caplog.text
    assert "2.0 GB are free: cut into tiles of" in caplog.text
    free(1)
    assert len(choose(gram, (1024, 1024))) > len(many)


def test_auto_keeps_what_can_t_be_cut_and_warns(free, caplog) -> None:
    style = losses.SlicedWasserstein(layers={"s0": 1.0}, weight=1.0, projections=4, positions=16, **RELATIVE)
    free(1)
    assert choose(style, (1024, 1024)) is None
    assert "it may not fit, but the term style can't be cut" in caplog.text


def test_an_input_of_whole_numbers_is_measured_too(free) -> None:
    backbone = wavelets("s0")
    backbone.input = Input(range=255, mean=[0, 0, 0], std=[1, 1, 1])
    gram = losses.Gram(layers={"s0": 1.0}, weight=1.0, normalize="hw", **RELATIVE)
    free(64)
    assert (
        Objective(backbone=backbone, terms={"style": gram}, cut="auto").plan.windows(torch.rand(1, 3, 64, 64)) is None
    )


def test_every_process_has_a_tile(free) -> None:
    gram = losses.Gram(layers={"s0": 1.0, "y1": 1.0}, weight=1.0, normalize="hw", **RELATIVE)
    free(64)
    for world in (2, 3, 4):
        assert len(choose(gram, (96, 64), world)) >= world


@pytest.mark.parametrize(
    ("states", "space", "images"),
    [(2, "image", 6), (2, "laplacian", 5 * 4 / 3 + 6), (26, "image", 30), (26, "laplacian", 29 * 4 / 3 + 6)],
)
def test_images_are_counted_by_optimiser_and_space(states, space, images) -> None:
    assert plan.images_kept(states=states, space=space) == pytest.approx(images)


def test_where_not_even_the_smallest_tiles_fit_a_warning_says_so(free, caplog) -> None:
    gram = losses.Gram(layers={"s0": 1.0, "y1": 1.0}, weight=1.0, normalize="hw", **RELATIVE)
    free(0.1)
    assert len(choose(gram, (1024, 1024))) > 1
    assert "cut into the smallest tiles of 128 px it would still take about" in caplog.text


def test_adam_leaves_more_room_than_lbfgs(free) -> None:
    backbone, gram = wavelets("s0"), losses.Gram(layers={"s0": 1.0}, weight=1.0, normalize="hw", **RELATIVE)
    needs = [
        Objective(
            backbone=backbone, terms={"style": gram}, cut="auto", images=plan.images_kept(states=states, space="image")
        ).plan.predicted(10**8, 10**6)
        for states in (2, 26)
    ]
    assert 1e8 * 12 * 23 < needs[1] - needs[0] < 1e8 * 12 * 25
