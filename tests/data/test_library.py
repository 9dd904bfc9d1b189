"""Where images are found, and the yaml files that name them."""

import hashlib
import importlib.util
import socket
from collections import Counter
from pathlib import Path

import pytest
import yaml
from PIL import Image

from nst.data import library
from nst.data.download import Download, DownloadError
from nst.data.library import ImageSource, cached, find

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
STYLES = sorted(path.stem for path in (CONF / "style").glob("*.yaml"))
CONTENTS = sorted(path.stem for path in (CONF / "content").glob("*.yaml"))
MOVEMENTS = [
    "prehistoric",
    "ancient",
    "medieval",
    "renaissance",
    "baroque",
    "ukiyo-e",
    "romanticism",
    "impressionism",
    "post-impressionism",
    "expressionism",
    "cubism",
    "abstraction",
]
WAVE = ImageSource("wave", commons="Wave (1831), Hokusai.jpg", homage="swirling_night")


@pytest.fixture
def download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Download:
    """Return options with a temporary cache, on a machine without a network."""

    def no_network(*_: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    values = yaml.safe_load((CONF / "download" / "default.yaml").read_text(encoding="utf-8"))
    values.pop("_target_")
    return Download(**(values | {"cache": tmp_path / "cache"}))


def photograph(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 3), "teal").save(path)
    return path


def style(name: str) -> ImageSource:
    shared = yaml.safe_load((CONF / "painting.yaml").read_text(encoding="utf-8"))
    own = yaml.safe_load((CONF / "style" / f"{name}.yaml").read_text(encoding="utf-8"))
    own.pop("defaults")
    return ImageSource(name=name, **(shared | own))


def test_the_path_overrides_the_other_sources(
    tmp_path: Path, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = photograph(tmp_path / "mine.png")
    monkeypatch.chdir(tmp_path)
    found = find(ImageSource("x", path="mine.png", sample="chelsea", asset="y", commons="z.jpg"), download)
    assert (found.path, found.origin, found.warning) == (mine, "file", None)
    assert found.sha256 == hashlib.sha256(mine.read_bytes()).hexdigest()


def test_a_tilde_in_the_path_is_expanded(tmp_path: Path, download: Download, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    mine = photograph(tmp_path / "pictures" / "mine.png")
    assert find(ImageSource("x", path="~/pictures/mine.png"), download).path == mine


def test_a_missing_path_names_the_nearest_files(tmp_path: Path, download: Download) -> None:
    for name in ("holiday.jpg", "holidays.jpg", "other.png"):
        photograph(tmp_path / name)
    with pytest.raises(FileNotFoundError) as caught:
        find(ImageSource("x", path=tmp_path / "holliday.jpg"), download)
    assert str(caught.value) == f"no picture holliday.jpg in {tmp_path}; there is holiday.jpg, holidays.jpg"


def test_a_missing_folder_is_reported(tmp_path: Path, download: Download) -> None:
    with pytest.raises(FileNotFoundError, match=f"there is no folder {tmp_path / 'no'}"):
        find(ImageSource("x", path=tmp_path / "no" / "a.jpg"), download)


def test_a_folder_is_refused(tmp_path: Path, download: Download) -> None:
    with pytest.raises(IsADirectoryError, match="is a folder; give the path of one picture"):
        find(ImageSource("x", path=tmp_path), download)


@pytest.mark.skipif(importlib.util.find_spec("skimage") is None, reason="scikit-image is an extra")
@pytest.mark.parametrize("name", CONTENTS)
def test_the_content_pictures_are_inside_scikit_image(name: str, download: Download) -> None:
    values = yaml.safe_load((CONF / "content" / f"{name}.yaml").read_text(encoding="utf-8"))
    found = find(ImageSource(name=name, **values), download)
    assert found.origin == "sample"
    with Image.open(found.path) as image:
        assert min(image.size) >= 300


@pytest.mark.skipif(importlib.util.find_spec("skimage") is None, reason="scikit-image is an extra")
def test_an_unknown_sample_names_the_nearest(download: Download) -> None:
    with pytest.raises(FileNotFoundError, match="no sample photograph 'chelsee'; there is chelsea"):
        find(ImageSource("x", sample="chelsee"), download)


def test_an_asset_is_found(download: Download) -> None:
    found = find(ImageSource("x", asset="swirling_night"), download)
    assert (found.origin, found.warning) == ("asset", None)
    assert found.path.is_file()


def test_an_unknown_asset_names_the_nearest(download: Download) -> None:
    with pytest.raises(FileNotFoundError, match=r"no bundled style picture 'swirling_knight'; there is swirling_night"):
        find(ImageSource("x", asset="swirling_knight"), download)


def test_the_cache_comes_before_the_network(download: Download) -> None:
    assert WAVE.commons is not None
    place = photograph(cached(WAVE.commons, download))
    found = find(WAVE, download)
    assert (found.path, found.origin, found.warning) == (place, "cache", None)


def test_a_painting_is_fetched_once(download: Download, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fetch(url: str, target: Path, **keywords: object) -> Path:
        asked.append(url)
        assert keywords["options"] is download
        return photograph(target)

    monkeypatch.setattr(library, "fetch", fetch)
    assert find(WAVE, download).origin == "download"
    assert find(WAVE, download).origin == "cache"
    name = "Wave%20%281831%29%2C%20Hokusai.jpg"
    assert asked == [f"https://commons.wikimedia.org/wiki/Special:FilePath/{name}?width=1280"]


def test_what_is_fetched_must_decode(tmp_path: Path, download: Download, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = photograph(tmp_path / "whole.png").read_bytes()
    checks = []
    monkeypatch.setattr(library, "fetch", lambda url, target, options, check: checks.append(check) or target)
    with pytest.raises(FileNotFoundError):
        find(WAVE, download)
    (check,) = checks
    part = tmp_path / "part"
    part.write_bytes(whole)
    check(part)
    for wrong in (b"<html></html>", whole[:-30], b""):
        part.write_bytes(wrong)
        with pytest.raises(ValueError, match="not a complete picture"):
            check(part)


def test_the_homage_is_used_instead_with_a_warning(download: Download) -> None:
    found = find(WAVE, download)
    assert found.origin == "homage"
    assert found.path.name == "swirling_night.jpg"
    place = download.folder / "paintings" / "Wave (1831), Hokusai.jpg"
    assert found.warning == (
        "wave: cannot fetch Wave (1831), Hokusai.jpg from commons.wikimedia.org: "
        "no address found for commons.wikimedia.org; is there a network?; "
        "our own swirling_night is used instead; "
        f"to have the painting, give style.wave.path=... or put the painting at {place}"
    )


def test_without_a_homage_the_error_says_what_to_do(download: Download) -> None:
    with pytest.raises(DownloadError) as caught:
        find(ImageSource("wave", commons="Wave.jpg"), download)
    line = str(caught.value)
    assert line.startswith("wave: cannot fetch Wave.jpg from commons.wikimedia.org: ")
    assert line.endswith(f"; give style.wave.path=... or put the painting at {download.folder}/paintings/Wave.jpg")


def test_if_the_cache_is_not_writable_the_homage_is_used_with_a_warning(tmp_path: Path, download: Download) -> None:
    (tmp_path / "cache").write_text("in the way")
    warning = find(WAVE, download).warning
    assert warning is not None
    assert f"cannot keep Wave (1831), Hokusai.jpg from commons.wikimedia.org in {tmp_path}/cache" in warning


def test_a_picture_without_a_source_is_refused(download: Download) -> None:
    with pytest.raises(ValueError, match="picture x has no path, sample, asset or commons"):
        find(ImageSource("x"), download)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"weight": "abc"}, "style.x.weight is 'abc'; give a number, 0 or more"),
        ({"weight": -1}, "style.x.weight is -1; "),
        ({"scale": 0}, "style.x.scale is 0; give a number, more than 0"),
        ({"scale": float("nan")}, "style.x.scale is nan; "),
    ],
)
def test_wrong_numbers_are_refused(values: dict[str, float], line: str) -> None:
    with pytest.raises(ValueError) as caught:
        ImageSource("x", **values)  # type: ignore[arg-type]
    assert line in str(caught.value)


@pytest.mark.parametrize("movement", MOVEMENTS)
def test_every_movement_has_three_paintings(movement: str) -> None:
    assert Counter(style(name).movement for name in STYLES)[movement] >= 3


def test_no_movement_is_misspelled() -> None:
    counted = Counter(style(name).movement for name in STYLES)
    assert set(counted) == {*MOVEMENTS, "art nouveau", "homage"}
    assert min(counted.values()) >= 3


def test_no_painting_has_two_names() -> None:
    named = [style(name).commons or style(name).asset for name in STYLES]
    assert len(set(named)) == len(named)


@pytest.mark.parametrize("name", STYLES)
def test_every_commons_name_is_a_file_name(name: str) -> None:
    commons = style(name).commons
    if commons is not None:
        assert Path(commons).suffix.lower() in {".jpg", ".jpeg", ".png"}
        assert Path(commons).name == commons
        assert " " not in commons


def test_assets_and_the_styles_that_name_them_agree() -> None:
    pictures = [style(name) for name in STYLES]
    there = {path.stem for path in (ROOT / "src/nst/assets/styles").glob("*.jpg")}
    assert {picture.asset for picture in pictures if picture.asset} == there
    assert {picture.homage for picture in pictures if picture.homage} <= there
