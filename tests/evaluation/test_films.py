"""Films in an evaluation: figures of their frames, beside how much they flicker."""

import csv
import json

import made_films
import numpy as np
import pytest
from conftest import grey_noise
from PIL import Image

from nst.commands import evaluate as command
from nst.data import image_io
from nst.networks import io

COUNT = 12
FLICKER = ("warping_error_1 mean", "warping_error_10 mean", "change mean")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A film that zooms, its painting by two programs: one that moves with it, one that flickers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))  # no LPIPS
    for name in ("c", "steady", "boiling"):
        (tmp_path / name).mkdir()
    frames, _ = made_films.moving("zoom", COUNT)
    rng = np.random.default_rng(0)
    made_films.write(tmp_path / "c/zoom.mp4", frames)
    made_films.write(tmp_path / "steady/zoom_x.mp4", [255 - frame for frame in frames])
    boiling = [np.clip(255 - frame + rng.normal(0, 40, frame.shape), 0, 255).astype(np.uint8) for frame in frames]
    made_films.write(tmp_path / "boiling/zoom_x.mp4", boiling)
    (tmp_path / "s").mkdir()
    noise = grey_noise((9, 8), 90).resize((72, 64), Image.Resampling.BICUBIC)
    Image.merge("RGB", (noise, noise.point(lambda v: 255 - v), noise)).save(tmp_path / "s/x.png")
    return tmp_path


def evaluated(place, methods):
    (place / "study.yaml").write_text(
        "contents: c\nstyles: s\nsize: 64\nresamples: 100\njudges: {small_vgg19: [judge=small_vgg19]}\n"
        f"methods: {json.dumps(methods)}\n"
    )
    assert command.main(["study.yaml", "--output", "out"]) == 0
    return {row["method"]: row for row in csv.DictReader((place / "out/evaluation.csv").read_text().splitlines())}


def test_films_of_any_program_are_judged_by_their_frames_and_their_flicker(place):
    rows = evaluated(place, {"steady": {"pictures": "steady"}, "boiling": {"pictures": "boiling"}})
    assert float(rows["identity"]["small_vgg19.content mean"]) == pytest.approx(0, abs=1e-4)
    for name in FLICKER[:2]:
        assert float(rows["identity"][name]) < 0.03
        assert float(rows["steady"][name]) < float(rows["boiling"][name]) / 2
        assert rows["target"][name] == ""
    assert float(rows["target"]["small_vgg19.moments mean"]) == pytest.approx(0, abs=1e-4)
    shown = sorted((place / "out/stills").glob("*/*.png"))
    assert [file.name for file in shown].count("zoom_x.png") == 2
    assert len(shown) == 3
    assert image_io.size_of(image_io.load(shown[0]).rgb) == (64, 96)
    page = (place / "out/vote.html").read_text()
    assert page.count("data:image/jpeg") == 4  # two paintings of the film, a frame of it, the style
    assert "warping_error_10" in (place / "out/evaluation.html").read_text()


def test_a_film_with_too_few_frames_has_a_reason_and_no_figures(place):
    frames, _ = made_films.moving("zoom", COUNT - 3)
    made_films.write(place / "boiling/zoom_x.mp4", frames)
    rows = evaluated(place, {"steady": {"pictures": "steady"}, "boiling": {"pictures": "boiling"}})
    assert rows["boiling"]["missing"] == "1"
    assert "have not as many frames" in (place / "out/pictures.csv").read_text()


def test_a_film_that_cannot_be_read_is_a_row_and_the_pages_are_made(place):
    (place / "boiling/zoom_x.mp4").write_bytes(b"no film")
    made_films.write(place / "s/trailer.mp4", made_films.plain(2))  # a film among the paintings is no style
    rows = evaluated(place, {"steady": {"pictures": "steady"}, "boiling": {"pictures": "boiling"}})
    assert rows["boiling"]["missing"] == "1" and rows["steady"]["missing"] == "0"
    assert "is not a complete video" in (place / "out/pictures.csv").read_text()
    assert (place / "out/gallery.html").is_file() and (place / "out/vote.html").is_file()


def test_films_are_painted_by_a_sweep_and_by_a_network(place):
    rows = evaluated(
        place,
        {
            "film": "method=film backbone=wavelet size=64 steps=2 film.steps=1",
            "network": {"checkpoint": str(io.bundled("multistyle")), "options": ["style=mosaic", "size=64"]},
        },
    )
    assert {rows[name]["missing"] for name in ("film", "network")} == {"0"}
    assert all(float(rows[name]["warping_error_1 mean"]) > 0 for name in ("film", "network"))
    assert (place / "out/network/zoom_x.mp4").is_file()
