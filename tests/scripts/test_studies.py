"""Studies after photographs: the styles that a network of any style learns from."""

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from painter.studies import study

PHOTOGRAPH = data.coffee()[:, 100:500]  # 400 x 400


def painted(seed: int) -> Image.Image:
    return study(PHOTOGRAPH.astype(np.float32) / 255, edge=96, seed=seed)


first = cache(painted)


def coarse(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("L").resize((12, 12), Image.Resampling.BOX), np.float64).ravel()


@pytest.mark.parametrize("seed", range(8))
def test_a_study_is_a_function_of_its_seed(seed: int) -> None:
    assert first(seed).size == (96, 96)
    assert first(seed).tobytes() == painted(seed).tobytes()


@pytest.mark.parametrize("seed", range(8))
def test_a_study_shows_the_photograph(seed: int) -> None:
    assert np.corrcoef(coarse(first(seed)), coarse(Image.fromarray(PHOTOGRAPH)))[0, 1] > 0.6


def test_seeds_draw_different_studies() -> None:
    pictures = [np.asarray(first(seed), np.float64) / 255 for seed in range(4)]
    assert min(np.abs(a - b).mean() for i, a in enumerate(pictures) for b in pictures[:i]) > 0.05
