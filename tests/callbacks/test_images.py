from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from nst.callbacks import Preview, Snapshots
from nst.callbacks.images import DENSE, LARGEST


class Log(TensorBoardLogger):
    """What would be shown: (tag, step, height, width)."""

    def __init__(self):
        self.shown = []

    @property
    def experiment(self):
        return SimpleNamespace(_get_file_writer=lambda: SimpleNamespace(add_summary=self.add))

    def add(self, summary, step):
        (value,) = summary.value
        self.shown.append((value.tag, step, value.image.height, value.image.width))


def module(noise, **more):
    picture = noise(8, 12)
    return SimpleNamespace(
        content=picture, styles=[SimpleNamespace(image=picture)], image=lambda: picture, **{"first_step": 100} | more
    )


def test_a_run_shows_its_sources_once_and_every_level_the_picture_at_the_interval(noise):
    log, snapshots = Log(), Snapshots(every=3)
    trainer = SimpleNamespace(loggers=[log], global_step=0)
    snapshots.on_train_start(trainer, module(noise, first_step=0))
    assert log.shown == [(tag, 0, 8, 12) for tag in ("picture", "source/content", "source/style_1")]
    snapshots.on_train_start(trainer, module(noise))
    assert log.shown[3:] == [("picture", 100, 8, 12)]
    for trainer.global_step in range(1, 8):
        snapshots.on_train_batch_end(trainer, module(noise))
    assert [step for _, step, *_ in log.shown[4:]] == [103, 106]


def test_a_long_level_is_shown_ever_more_rarely(noise):
    log, snapshots = Log(), Snapshots(every=2)
    trainer = SimpleNamespace(loggers=[log], global_step=0)
    for trainer.global_step in range(1, 8 * DENSE + 1):
        snapshots.on_train_batch_end(trainer, module(noise))
    steps = [step - 100 for _, step, *_ in log.shown]
    assert steps[DENSE - 1 : DENSE + 2] == [2 * DENSE, 2 * DENSE + 4, 2 * DENSE + 8]
    assert steps[-2:] == [8 * DENSE - 8, 8 * DENSE]


def test_a_large_picture_is_reduced(noise):
    log, large = Log(), torch.zeros(1, 3, 4, 2 * LARGEST)
    snapshot = SimpleNamespace(image=lambda: large, first_step=0)
    Snapshots(every=1).on_train_batch_end(SimpleNamespace(loggers=[log], global_step=1), snapshot)
    assert log.shown == [("picture", 1, 2, LARGEST)]


def test_a_preview_shows_the_photograph_once_and_every_style_once_a_step(noise):
    log, preview = Log(), Preview(noise(8, 8), every=2)
    network = SimpleNamespace(
        device="cpu", method=SimpleNamespace(preview=lambda content: {"a": content, "b": content})
    )
    trainer = SimpleNamespace(loggers=[log], global_step=0)
    preview.on_train_start(trainer, network)
    for trainer.global_step in (1, 2, 2, 3):
        preview.on_train_batch_end(trainer, network)
    styles = [("picture/a", 8, 8), ("picture/b", 8, 8)]
    assert log.shown == [("source/content", 0, 8, 8), *((tag, step, *size) for step in (0, 2) for tag, *size in styles)]


@pytest.mark.parametrize("make", [lambda n: Snapshots(every=n), lambda n: Preview(torch.zeros(1, 3, 4, 4), every=n)])
def test_an_interval_below_0_is_refused(make):
    with pytest.raises(ValueError, match="every is -1; give 0"):
        make(-1)
