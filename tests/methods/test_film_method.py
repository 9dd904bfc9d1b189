"""The order of a film's frames, what each starts with and what it is held to, without painting any."""

from functools import partial

import pytest
import torch

pytest.importorskip("av")
pytest.importorskip("cv2")
import cv2
import numpy as np
from made_films import moving
from PIL import Image

from nst.data.film import to_image
from nst.data.image_io import DecodedImage
from nst.data.inputs import Inputs, StylePicture
from nst.methods import FilmMethod, FilmOptions, ImageMethod, initial_image
from nst.methods.pyramid import Level
from nst.optim import lr_schedulers


class Store:
    """A film in memory; what is painted of frame n is the frame, shifted in colour by the number of the pass."""

    def __init__(self, images, cuts=()):
        self.images, self.cuts, self.count = images, cuts, len(images)
        self.pictures = {}

    def shot(self, number):
        return sum(number >= cut for cut in self.cuts)

    def content(self, number):
        return self.images[number]

    def picture(self, number):
        return self.pictures[number]


@pytest.fixture
def method(objective):
    def make(**options):
        painting = ImageMethod(
            objective=objective, levels=[Level(96, 5)], optimizer=partial(torch.optim.Adam, lr=0.01),
            scheduler=lr_schedulers.constant, init=initial_image.content, fit="longest", style_fit="longest",
            style_size=None, style_scale=1.0, space="image", moments="fresh", coarser={}, seed=0,
        )  # fmt: skip
        chosen = {"steps": 2, "earlier": 1.0, "passes": 1, "blend": 0.5, "distances": [1], **options}
        return FilmMethod(painting, FilmOptions(**chosen))

    return make


def played(method, store, noise, done=lambda turn, number: False):
    """Every work with its modules, painted as `Store` says."""

    def inputs(number):
        image = store.content(number)
        return Inputs(DecodedImage(image), image, [StylePicture("style", noise(64, 96))])

    out = []
    for work in method.work(store, inputs, done):
        modules = [stage.module for stage in work.stages]
        store.pictures[work.number] = (store.content(work.number) + 0.1 * work.turn).clamp(0, 1)
        if work.picture is not None:
            store.pictures[work.number] = work.picture
        out.append((work, modules))
    return out


def images(kind, count):
    return [to_image(frame) for frame in moving(kind, count)[0]]


def test_frames_go_forward_then_backward_and_shots_begin_anew(method, noise):
    store = Store(images("pan", 5), cuts=(3,))
    found = played(method(passes=2), store, noise)
    assert [(work.turn, work.number) for work, _ in found] == [
        *((1, n) for n in range(5)),
        *((2, n) for n in range(4, -1, -1)),
    ]
    held = [len(modules[-1].earlier) for _, modules in found]
    assert held == [0, 1, 1, 0, 1, 0, 1, 0, 1, 1]  # a first frame of a shot, from either side, has none before it
    steps = [modules[0].optimization.steps for _, modules in found]
    assert steps == [5, 2, 2, 5, 2, 2, 2, 2, 2, 2]
    assert [work.step for work, _ in found] == np.cumsum([0, *steps])[:-1].tolist()
    assert [modules[0].first_step for _, modules in found] == [work.step for work, _ in found]


def test_a_frame_starts_with_the_one_before_moved_and_with_its_own_where_that_is_hidden(method, noise):
    store = Store(images("crosses", 2))
    (_, _), (_, (module,)) = played(method(), store, noise)
    (earlier,) = module.earlier
    wanted = store.images[1] + 0.1  # the first frame's picture, moved: in its own colours
    where = earlier.weight.bool().expand_as(wanted) & (wanted < 1)
    assert (earlier.image - wanted)[where].abs().median() < 0.01
    start = module.image().detach()
    assert torch.equal(
        start[~earlier.weight.bool().expand_as(start)], store.images[1][~earlier.weight.bool().expand_as(start)]
    )
    assert 0.02 < 1 - earlier.weight.mean() < 0.5


def test_long_terms_count_where_shorter_ones_do_not(method, noise):
    store = Store(images("crosses", 4))
    found = played(method(distances=[1, 3]), store, noise)
    near, far = found[3][1][0].earlier
    assert ((near.weight + far.weight) <= 1).all() and far.weight.sum() > 0
    assert len(found[2][1][0].earlier) == 1  # there is no frame three before it


def test_a_second_pass_mixes_a_frame_with_its_neighbour(method, noise):
    store = Store([images("pan", 1)[0]] * 2)
    found = played(method(passes=2, blend=0.5), store, noise)
    (module,) = found[3][
        1
    ]  # frame 0 in the second pass: its own picture is of the first, its neighbour's of the second
    start, base = module.image().detach(), store.images[0]
    inner = (slice(None), slice(None), slice(8, -8), slice(8, -8))
    assert (start - (base + 0.15))[inner][(base < 0.8)[inner]].abs().max() < 0.01


def test_keyframes_are_kept_and_frames_after_them_follow(method, noise, tmp_path):
    Image.new("RGB", (96, 64), (250, 10, 10)).save(tmp_path / "key_0001.png")
    store = Store(images("pan", 3))
    found = played(method(keyframes=str(tmp_path)), store, noise)
    assert found[1][1] == [] and (store.picture(1)[0, 0] > 0.97).all()
    (module,) = found[2][1]
    assert (module.image()[0, 0].median() > 0.9) and [work.step for work, _ in found] == [0, 5, 5]
    with pytest.raises(ValueError, match=r"film.keyframes=.* is no folder with files such as 000012.png"):
        method(keyframes=str(tmp_path / "none"))


def test_flows_of_files_are_followed(method, noise, tmp_path):
    for name in ("1_0", "0_1"):
        cv2.writeOpticalFlow(str(tmp_path / f"{name}.flo"), np.zeros((64, 96, 2), np.float32))
    store = Store(images("pan", 2))
    (_, (module,)) = played(method(flow=str(tmp_path)), store, noise)[1]
    assert torch.equal(module.earlier[0].image, store.picture(0)) and module.earlier[0].weight.mean() == 1


def test_what_is_done_is_left_out_and_the_steps_are_counted(method, noise):
    store = Store(images("pan", 3))
    store.pictures = {0: store.images[0], 1: store.images[1]}
    found = played(method(), store, noise, done=lambda turn, number: number < 2)
    assert [(work.number, work.step) for work, _ in found] == [(2, 7)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"passes": 0}, "film.passes is 0; give 1 or more"),
        ({"blend": 2.0}, "film.blend is 2; give a share"),
        ({"distances": []}, r"film.distances is \[\]; give different numbers"),
        ({"distances": [1, 1]}, r"film.distances is \[1, 1\]"),
    ],
)
def test_options_out_of_range_are_refused(method, options, words):
    with pytest.raises(ValueError, match=words):
        method(**options)


def test_what_is_carried_along_changes_more_slowly_than_what_is_uncovered(method, noise):
    (first,), (second,) = [modules for _, modules in played(method(lr_factor=0.5), Store(images("pan", 2)), noise)]
    assert first.pace is None
    assert second.pace.unique().tolist() == [0.5, 1.0]
    assert second.pace[0, 0, 8:-8, 8:-8].unique().tolist() == [0.5]
    start = second.image().detach().clone()
    second.pixels.data += 0.1 * torch.rand_like(second.pixels, generator=torch.Generator().manual_seed(1))
    asked, moved = second.space.decode(second.pixels) - start, second.image() - start
    assert asked.abs().mean() > 0.01  # the parameter may share the start's memory
    torch.testing.assert_close(moved, second.pace * asked)


def test_what_stands_still_hardly_changes(method, noise):
    frame = images("pan", 1)[0]
    _, (second,) = [modules for _, modules in played(method(lr_factor=0.5), Store([frame, frame]), noise)]
    assert second.pace.unique().tolist() == pytest.approx([0.05])
    brighter = (frame + 0.02).clamp(0, 1)
    _, (second,) = [modules for _, modules in played(method(lr_factor=0.5), Store([frame, brighter]), noise)]
    assert second.pace.min() >= 0.5


@pytest.mark.parametrize("lr_factor", [0.0, 1.5])
def test_a_pace_out_of_range_is_refused(method, lr_factor):
    with pytest.raises(ValueError, match=f"film.lr_factor is {lr_factor:g}; give a number over 0, at most 1"):
        method(lr_factor=lr_factor)
