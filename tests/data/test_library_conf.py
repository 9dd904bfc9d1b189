"""The yaml files that name images, composed by Hydra."""

from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from nst.data.library import ImageSource

CONF = ROOT / "conf"
STYLES = sorted(path.stem for path in (CONF / "style").glob("*.yaml"))
CONTENTS = sorted(path.stem for path in (CONF / "content").glob("*.yaml"))


@pytest.fixture
def probe(tmp_path: Path) -> Path:
    """Return the folder of a primary configuration with those defaults of `conf/train.yaml` that concern images."""
    config = {
        "defaults": [{"content": "chelsea"}, {"style": "swirling_night"}, {"download": "default"}, "_self_"],
        "style": {"path": None},
        "hydra": {"searchpath": [f"file://{CONF}"]},
    }
    (tmp_path / "probe.yaml").write_text(yaml.safe_dump(config))
    return tmp_path


def composed(folder: Path, *overrides: str) -> dict[str, dict[str, object]]:
    with initialize_config_dir(str(folder), version_base="1.3"):
        config = OmegaConf.to_container(compose("probe", list(overrides)), resolve=True)
    assert isinstance(config, dict)
    return config  # type: ignore[return-value]


@pytest.mark.parametrize("name", STYLES)
def test_every_style_composes_and_has_all_its_labels(name: str, probe: Path) -> None:
    given = composed(probe, f"style={name}")["style"]
    assert list(given) == [name, "path"]
    values = given[name]
    assert isinstance(values, dict)
    assert set(values) == {field.name for field in fields(ImageSource)} - {"name", "credit"}
    picture = ImageSource(name=name, **values)
    for field in ("title", "artist", "year", "collection", "movement"):
        assert isinstance(getattr(picture, field), str)
        assert getattr(picture, field)
    assert (picture.asset is None) != (picture.commons is None)
    assert (picture.weight, picture.scale, picture.path, picture.mask) == (1, 1, None, None)


def test_several_styles_compose_with_weights(probe: Path) -> None:
    given = composed(probe, "style=[starry_night,the_scream]", "style.the_scream.weight=2")["style"]
    assert list(given) == ["starry_night", "the_scream", "path"]
    assert given["the_scream"]["weight"] == 2  # type: ignore[index]
    assert given["starry_night"]["homage"] == "swirling_night"  # type: ignore[index]


def test_the_users_path_is_set_beside_the_named_style(probe: Path) -> None:
    given = composed(probe, "style.path=me.jpg", "content.path=you.jpg")
    assert given["style"]["path"] == "me.jpg"
    assert given["content"]["path"] == "you.jpg"


@pytest.mark.parametrize("name", CONTENTS)
def test_every_content_composes(name: str, probe: Path) -> None:
    given = composed(probe, f"content={name}")["content"]
    assert list(given) == ["path", "sample", "title", "credit"]
    assert all(given[key] for key in ("sample", "title", "credit"))
