"""`nst library`: lists and fetches paintings."""

import json
import subprocess
import sys
from pathlib import Path

from conftest import ROOT
from PIL import Image

STYLES = sorted(path.stem for path in (ROOT / "conf/style").glob("*.yaml"))


def photograph(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 3), "teal").save(path)
    return path


def listed(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "nst", "library", *words]
    environment = {"NST_CACHE": str(tmp_path), "PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    return subprocess.run(program, capture_output=True, text=True, env=environment, check=False)


def test_it_lists_one_movement(tmp_path: Path) -> None:
    photograph(tmp_path / "paintings" / "Tsunami_by_hokusai_19th_century.jpg")
    ended = listed(tmp_path, "--movement", "ukiyo-e", "--json")
    assert ended.stderr == ""
    states = {row["name"]: row["state"] for row in json.loads(ended.stdout)}
    assert states["great_wave"] == "cached"
    assert states["red_fuji"] == "not fetched"
    assert "starry_night" not in states


def test_it_shows_a_table(tmp_path: Path) -> None:
    shown = listed(tmp_path).stdout
    assert f"{len(STYLES)} styles" in shown
    assert all(name in shown for name in STYLES)


def test_it_fetches_what_is_there_and_knows_its_names(tmp_path: Path) -> None:
    photograph(tmp_path / "paintings" / "Tsunami_by_hokusai_19th_century.jpg")
    ended = listed(tmp_path, "--fetch", "great_wave", "swirling_night")
    assert ended.returncode == 0
    assert ended.stdout.startswith("great_wave: cache, ")
    ended = listed(tmp_path, "--fetch", "grate_wave")
    assert ended.returncode == 1
    assert ended.stderr.startswith("no style 'grate_wave'; the nearest: great_wave")
