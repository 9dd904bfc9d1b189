"""The gallery's files, from folders as runs leave them."""

import csv
import io
import json
import re
import time

import pytest
from PIL import Image

from nst.sweeps.gallery import make


def leave(folder, *, state="finished", reason=None, overrides=(), edge=(60, 40), colour="red", **metrics):
    """A run's folder."""
    folder.mkdir(parents=True)
    command = "nst " + " ".join(overrides)
    status = {"state": state, "reason": reason, "overrides": list(overrides), "command": command}
    (folder / "status.json").write_text(json.dumps(status))
    if state == "finished":
        Image.new("RGB", edge, colour).save(folder / "final.png")
        judged = {"score": 0.5, "style": 0.3, "content": 0.2, "ssim": 0.9, "lpips": None, "tv": 0.1, "note": None}
        figures = {
            "loss": 1.0,
            "seconds": 2.5,
            "peak_memory_bytes": 5e8,
            "judge": judged,
            "sources": {},
            "warnings": [],
        }
        (folder / "metrics.json").write_text(json.dumps(figures | metrics))


def data(page):
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.S)
    return json.loads(match[1])


def test_a_sweep_becomes_a_page_a_table_and_a_sheet(tmp_path):
    for number, (style, weight) in enumerate([("mosaic", 1), ("mosaic", 2), ("hatching", 1), ("hatching", 2)]):
        leave(tmp_path / str(number), overrides=["size=64", f"style={style}", f"weights.style={weight}"])
    page = make(tmp_path)
    shown = data(page)
    assert shown["axes"] == ["style", "weights.style"]
    assert [run["name"] for run in shown["runs"]] == ["0", "1", "2", "3"]
    assert all(run["thumbnail"].startswith("data:image/jpeg;base64,") for run in shown["runs"])
    assert shown["runs"][2]["recipe"] == f"nst reproduce={tmp_path / '2/final.png'}"
    rows = list(csv.DictReader(io.StringIO((tmp_path / "gallery.csv").read_text())))
    assert [row["weights.style"] for row in rows] == ["1", "2", "1", "2"]
    assert rows[0]["score"] == "0.5"
    assert rows[0]["lpips"] == ""
    with Image.open(tmp_path / "gallery.png") as sheet:
        assert sheet.width == 2 * 210 + 10  # two weights to the right, two styles downwards
        assert sheet.getpixel((110, 110)) == (255, 0, 0)


def test_nothing_is_asked_of_a_network(tmp_path):
    leave(tmp_path / "0")
    text = make(tmp_path).read_text()
    assert not re.search(r'(?:src|href)="(?!data:)[^"]', text)
    assert "default-src 'none'" in text
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|https?://(?!www\.w3\.org/2000/svg)", text)


def test_what_came_from_outside_is_text(tmp_path):
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    leave(tmp_path / "0", state="failed", reason=evil, overrides=[f"name={evil}"])
    leave(tmp_path / "1", overrides=["name==HYPERLINK(1)"], warnings=[evil])
    page = make(tmp_path)
    assert "<script>alert" not in page.read_text()
    assert "<img src=x" not in page.read_text()
    assert data(page)["runs"][0]["reason"] == evil  # whole, as text
    assert "'=HYPERLINK(1)" in (tmp_path / "gallery.csv").read_text()


def test_runs_that_did_not_finish_are_there_with_their_reasons(tmp_path):
    leave(tmp_path / "0")
    leave(tmp_path / "1", state="killed", reason="killed by SIGKILL")
    (tmp_path / "2").mkdir()
    shown = data(make(tmp_path))
    assert [(run["state"], run["reason"]) for run in shown["runs"][1:]] == [
        ("killed", "killed by SIGKILL"),
        ("not started", None),
    ]


def test_a_damaged_picture_or_record_does_not_end_it(tmp_path):
    leave(tmp_path / "0")
    (tmp_path / "0/final.png").write_bytes(b"\x89PNG cut off")
    leave(tmp_path / "1")
    (tmp_path / "1/metrics.json").write_text("{")
    leave(tmp_path / "2")
    shown = data(make(tmp_path))
    assert [run["thumbnail"] is None for run in shown["runs"]] == [True, False, False]
    assert shown["runs"][1]["figures"]["score"] is None


def test_numbers_are_sorted_as_numbers_and_folders_are_searched(tmp_path):
    for name in ("day/sweep/10", "day/sweep/9", "day/sweep/2"):
        leave(tmp_path / name)
    assert [run["name"] for run in data(make(tmp_path))["runs"]] == ["day/sweep/2", "day/sweep/9", "day/sweep/10"]


def test_a_large_picture_over_the_budget_is_read_from_its_folder(tmp_path):
    leave(tmp_path / "a b")
    assert data(make(tmp_path, budget=0))["runs"][0]["large"] == "a%20b/final.png"
    assert data(make(tmp_path))["runs"][0]["large"].startswith("data:")


def test_a_folder_without_runs_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="no run in"):
        make(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        make(tmp_path / "nowhere")


def leave_a_thousand(folder):
    for number in range(1000):
        leave(
            folder / str(number),
            overrides=[f"weights.style={number}"],
            edge=(256, 170),
            colour=(number % 256, 90, 90),
        )


@pytest.mark.slow
def test_a_thousand_runs_are_listed_within_seconds(tmp_path):
    leave_a_thousand(tmp_path)
    began = time.perf_counter()
    page = make(tmp_path)
    assert time.perf_counter() - began < 30  # 5 on two free cores
    assert page.stat().st_size < 30e6
