"""The painter gives the same pictures at every run and size, and the shipped ones are those of the catalogue."""

import hashlib
import sys
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "src" / "nst" / "assets" / "styles"
sys.path.insert(0, str(ROOT / "scripts"))

from painter.catalogue import contact_sheet, save, write  # noqa: E402
from painter.gallery import PICTURES  # noqa: E402
from painter.jpeg import encode  # noqa: E402

QUICK = "hatching", "pointillism", "marbled_paper", "stained_glass"
CATALOGUE = yaml.safe_load((ASSETS / "catalogue.yaml").read_text(encoding="utf-8"))


@cache
def small(name: str) -> Image.Image:
    return PICTURES[name].paint(96)


def coarse(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.resize((24, 24), Image.Resampling.BOX), np.float64).reshape(-1, 3)


def manner(path: Path) -> np.ndarray:
    """Give mean and deviation of colour, and the mean slope at three scales: what tells styles apart."""
    features: list[float] = []
    with Image.open(path) as image:
        for edge in (256, 64, 16):
            pixels = np.asarray(image.resize((edge, edge), Image.Resampling.BOX), np.float64) / 255
            features += [*pixels.std((0, 1)), *np.abs(np.diff(pixels, axis=0)).mean((0, 1))]
        features += [*pixels.mean((0, 1))]
    return np.array(features)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in PICTURES]
)
def test_a_picture_is_the_same_at_every_run(name: str) -> None:
    assert PICTURES[name].paint(96).tobytes() == small(name).tobytes()


@pytest.mark.parametrize("name", PICTURES)
def test_a_shipped_picture_is_that_of_the_catalogue(name: str) -> None:
    path = ASSETS / f"{name}.jpg"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == CATALOGUE[name]["sha256"]
    assert path.stat().st_size <= 250_000
    with Image.open(path) as image:
        assert image.mode == "RGB"
        assert [image.height, image.width] == CATALOGUE[name]["size"] == [1024, 1024]


@pytest.mark.parametrize("name", PICTURES)
def test_a_shipped_picture_has_the_composition_of_the_small_one(name: str) -> None:
    with Image.open(ASSETS / f"{name}.jpg") as image:
        shipped = coarse(image)
    for one, other in zip(shipped.T, coarse(small(name)).T, strict=True):
        assert np.corrcoef(one, other)[0, 1] > 0.85  # the edges are 1 to 11, and a 24 px cell holds several strokes


def test_the_catalogue_lists_the_pictures_and_nothing_else() -> None:
    assert list(CATALOGUE) == list(PICTURES)
    assert {path.stem for path in ASSETS.glob("*.jpg")} == set(PICTURES)


def test_any_two_styles_differ_clearly() -> None:
    manners = {name: manner(ASSETS / f"{name}.jpg") for name in PICTURES}
    for one, other in combinations(PICTURES, 2):
        assert np.linalg.norm(manners[one] - manners[other]) > 0.1, f"{one} and {other} look alike"


def test_no_large_part_of_a_style_is_empty() -> None:
    for name in PICTURES:
        with Image.open(ASSETS / f"{name}.jpg") as image:
            grey = np.asarray(image.convert("L"), np.float64) / 255
        blocks = grey.reshape(8, 128, 8, 128).transpose(0, 2, 1, 3).reshape(64, -1)
        assert blocks.std(1).min() > 0.02, name


def test_the_catalogue_vouches_only_for_what_lies_there(tmp_path: Path) -> None:
    (tmp_path / "mosaic.jpg").write_bytes(encode(small("mosaic"), limit=20_000))
    assert list(yaml.safe_load(write(tmp_path).read_text(encoding="utf-8"))) == ["mosaic"]


def test_a_contact_sheet_names_the_missing_pictures(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lacks swirling_night"):
        contact_sheet(tmp_path)


def test_a_contact_sheet_fits_its_limit() -> None:
    assert len(contact_sheet(ASSETS)) <= 300_000


def test_a_picture_that_cannot_fit_is_refused() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="does not fit 500 bytes"):
        encode(Image.fromarray(noise), limit=500)


@pytest.mark.slow
def test_a_larger_picture_may_have_a_larger_file(tmp_path: Path) -> None:
    path = save("hatching", edge=1536, folder=tmp_path)
    assert 250_000 < path.stat().st_size <= 250_000 * 1.5**2
