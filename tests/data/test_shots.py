"""Cuts of films."""

import numpy as np
import pytest

pytest.importorskip("av")
from made_films import moving, texture

from nst.data import shots
from nst.data.film import Frame


def film(*parts):
    return [Frame(n, pixels, n, 1) for n, pixels in enumerate(one for part in parts for one in part)]


def test_cuts_are_found_and_motion_is_none():
    rng = np.random.default_rng(0)
    other = (texture(64, 96, seed=5) * [0.2, 0.9, 0.4] * 255).astype(np.uint8)
    rest = [(other + rng.integers(0, 4, other.shape)).astype(np.uint8) for _ in range(30)]
    found = list(shots.shots(film(moving("pan", 12)[0], rest, moving("crosses", 5)[0])))
    assert [shot.first for shot in found] == [0, 12, 42]
    assert [frame.number for frame in found[1].samples] == [12, 16, 20, 24, 28, 32, 36, 40]


def test_a_flash_of_light_moves_nothing_between_shots_without_new_colours():
    frames = moving("crosses", 4)[0]
    frames[2] = (frames[2] // 8 * 8 + 6).clip(0, 255).astype(np.uint8)  # a little brighter
    assert len(list(shots.shots(film(frames)))) == 1


def test_an_empty_film_has_no_shots():
    assert list(shots.shots([])) == []


def test_the_samples_of_a_long_shot_are_few_and_spread():
    frames = [Frame(n, np.zeros((8, 8, 3), np.uint8), n, 1) for n in range(1000)]
    (shot,) = shots.shots(frames)
    numbers = [frame.number for frame in shot.samples]
    assert shots.SAMPLES <= len(numbers) <= 2 * shots.SAMPLES
    assert numbers[0] == 0 and len(set(np.diff(numbers))) == 1 and numbers[-1] > 750
