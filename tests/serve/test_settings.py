"""What is chosen on the page becomes the words of a command; what can't be is one sentence."""

import re
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from nst.config.search_path import OWN
from nst.serve import offered
from nst.serve.limits import Limits, RefusedError
from nst.serve.settings import Settings, State

PLAIN = {"photograph": "p1", "styles": [{"name": "mosaic"}]}
UPLOADS = {("picture", "p1"): Path("out/a photo.jpg"), ("picture", "p2"): Path("art.png"), ("mask", "m"): Path("m.png")}
pytestmark = pytest.mark.filterwarnings("ignore:(?s).*validated against ConfigStore schema.*")


def words(**chosen):
    settings = Settings.read(PLAIN | chosen, Limits())
    return settings.words(lambda kind, name: UPLOADS[kind, name], lambda state: Path("run") / state.file)


def test_the_usual_settings_are_a_short_command():
    assert words() == ["content.path='out/a photo.jpg'", "style=mosaic", "size=512", "steps=96", "depth=16"]


def test_every_choice_is_an_option_that_exists():
    chosen = {
        "styles": [{"name": "mosaic", "share": 2.0, "mask": "m"}, {"name": "hatching"}],
        "keep": "m",
        "balance": 1,
        "strokes": -1,
        "colours": "photograph",
        "seed": 5,
        "backbone": "wavelet",
        "loss": "gram",
        "weights": {"style": 2.0, "tv": 0.1},
        "start": State(run="r", file="state_00012.png").model_dump(),
    }
    with initialize_config_dir(str(OWN), version_base="1.3"):
        config = compose("train", words(**chosen))
        usual = compose("train", ["loss=gram", "backbone=wavelet"])
    assert config.style.mosaic.weight == 2 and config.style.mosaic.mask == "m.png" and "hatching" in config.style
    assert config.content.mask == "m.png" and config.style_scale == 0.5 and config.color.after != usual.color.after
    assert config.weights.content == pytest.approx(usual.weights.content / 2, rel=1e-3)
    assert (config.weights.style, config.weights.tv, config.seed) == (2, 0.1, 5)
    assert config.init.path == "run/state_00012.png"


def test_own_styles_and_named_ones_mix():
    mixed = words(styles=[{"picture": "p2", "share": 3}, {"name": "mosaic", "mask": "m"}])
    mosaic = offered.styles()["mosaic"].path
    assert f"style.path=[art.png,{mosaic}]" in mixed
    assert "style.weight=[3.0,1.0]" in mixed and "style.mask=[null,m.png]" in mixed


@pytest.mark.parametrize("loss", sorted(offered.losses()))
def test_the_photograph_s_weight_is_halved_step_by_step(loss):
    (weight,) = (word for word in words(loss=loss, balance=2) if word.startswith("weights.content="))
    assert float(weight.partition("=")[2]) == pytest.approx(offered.losses()[loss] / 4, rel=1e-3)


def test_a_grid_varies_two_sliders_round_the_present_ones():
    cells = Settings.read(PLAIN | {"balance": 1, "strokes": 3}, Limits()).grid("balance", "strokes")
    assert [(cell.balance, cell.strokes) for cell in cells[:3]] == [(-1, 2), (1, 2), (3, 2)]
    assert cells[8].strokes == 3 and cells[4] != cells[8]  # the slider ends there
    assert all(cell.size == 160 and cell.steps == 32 for cell in cells)


BAD = {
    "nothing": ({}, "styles"),
    "no photograph": ({"styles": [{"name": "mosaic"}]}, "choose a photograph"),
    "both": (PLAIN | {"sample": "coffee"}, "choose a photograph"),
    "no style": (PLAIN | {"styles": []}, "styles"),
    "an empty style": (PLAIN | {"styles": [{}]}, "choose a style"),
    "an unknown style": (PLAIN | {"styles": [{"name": "moasic"}]}, "there is no style 'moasic'"),
    "a style that would be fetched": (PLAIN | {"styles": [{"name": "the_scream"}]}, "there is no style"),
    "a style twice": (PLAIN | {"styles": [{"name": "mosaic"}] * 2}, "twice"),
    "a large picture": (PLAIN | {"size": 5000}, "up to 1024"),
    "a path": (PLAIN | {"photograph": "../../etc/passwd"}, "photograph"),
    "a word of a command": (PLAIN | {"backbone": "wavelet hydra.run.dir"}, "backbone"),
    "a backbone to fetch": (PLAIN | {"backbone": "vgg19"}, "there is no backbone"),
    "an unknown key": (PLAIN | {"hydra": 1}, "hydra"),
    "not a number": (PLAIN | {"steps": "many"}, "steps"),
    "infinity": (PLAIN | {"balance": float("inf")}, "balance"),
    "a negative weight": (PLAIN | {"weights": {"style": -1}}, "weights.style"),
    "a list": ([], "settings"),
    "a strange state": (PLAIN | {"start": {"run": "r", "file": "../x.png"}}, "start.file"),
}


@pytest.mark.parametrize("sent, sentence", BAD.values(), ids=BAD)
def test_what_cannot_be_used_is_one_sentence(sent, sentence, monkeypatch):
    monkeypatch.setattr(offered, "styles", lambda: {"mosaic": None})  # whatever has been fetched here
    with pytest.raises(RefusedError, match=re.escape(sentence)) as refused:
        Settings.read(sent, Limits())
    assert "\n" not in str(refused.value)
