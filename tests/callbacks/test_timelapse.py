"""The time-lapse: its frames, its duration, and that a run leaves it."""

import numpy as np
import pytest
import torch
from conftest import QUICK
from PIL import Image, ImageSequence

from nst.callbacks.timelapse import TimeLapse

OPTIONS = {"frames": 8, "edge": 33, "seconds": 2.0, "formats": ["webp", "gif"]}


class Module:
    """The part of a module that the callback reads: its picture."""

    def __init__(self, height=20, width=31):
        self.shade, self.size = 0.0, (height, width)

    def image(self):
        return torch.full((1, 3, *self.size), self.shade)


def played(lapse, steps, module):
    lapse.on_train_start(None, module)
    for step in range(1, steps + 1):
        module.shade = step / steps
        lapse.on_train_batch_end(None, module)
    lapse.on_train_end(None, module)


@pytest.mark.parametrize("steps", [1, 7, 8, 9, 100, 1000])
def test_it_keeps_no_more_frames_than_asked_from_first_to_last(steps):
    lapse = TimeLapse(**OPTIONS)
    played(lapse, steps, Module())
    assert 2 <= len(lapse.frames) <= OPTIONS["frames"] + 1
    assert lapse.frames[0].max() == 0
    assert lapse.frames[-1].min() == 255
    shades = [int(frame.float().mean()) for frame in lapse.frames]
    assert shades == sorted(shades)


@pytest.mark.parametrize("name", ["webp", "gif"])
def test_it_plays_as_long_as_asked_and_stays_on_the_result(tmp_path, name):
    lapse = TimeLapse(**OPTIONS)
    played(lapse, 7, Module())
    lapse.save(tmp_path)
    with Image.open(tmp_path / f"timelapse.{name}") as film:
        frames = [(np.asarray(frame.convert("RGB")), frame.info["duration"]) for frame in ImageSequence.Iterator(film)]
    durations = [duration for _, duration in frames]
    assert sum(durations[:-1]) == pytest.approx(2000, rel=0.15)
    assert durations[-1] == 500
    assert frames[0][0].mean() < 10 < 240 < frames[-1][0].mean()


def test_every_frame_has_one_even_size_over_the_levels():
    lapse = TimeLapse(**OPTIONS)
    played(lapse, 3, Module(10, 15))
    played(lapse, 3, Module(21, 31))
    assert {frame.shape for frame in lapse.frames} == {(22, 32, 3)} or len({frame.shape for frame in lapse.frames}) == 1
    assert all(edge % 2 == 0 for frame in lapse.frames for edge in frame.shape[:2])


def test_pyav_reads_the_mp4_back(tmp_path):
    av = pytest.importorskip("av")
    lapse = TimeLapse(**OPTIONS | {"formats": ["mp4"]})
    played(lapse, 7, Module(21, 31))
    lapse.save(tmp_path)
    with av.open(str(tmp_path / "timelapse.mp4")) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) >= len(lapse.frames)
    assert frames[0].mean() < 10 < 240 < frames[-1].mean()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 1}, "timelapse has frames 1"),
        ({"formats": ["mov"]}, "timelapse.formats is 'mov'"),
        ({"seconds": 0}, "seconds 0"),
    ],
)
def test_options_that_make_no_animation_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TimeLapse(**OPTIONS | options)


def test_a_run_leaves_it_and_none_leaves_none(train, tmp_path, photo):
    assert train(*QUICK, f"content.path={photo}", "hydra.run.dir=run", "timelapse=gif").returncode == 0
    with Image.open(tmp_path / "run/timelapse.gif") as film:
        assert film.n_frames >= 4  # the start, and three steps
    assert train(*QUICK, f"content.path={photo}", "hydra.run.dir=none", "timelapse=none").returncode == 0
    assert not list((tmp_path / "none").glob("timelapse.*"))
