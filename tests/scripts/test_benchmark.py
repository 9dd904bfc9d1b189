import json
import subprocess
import sys

import pytest
from conftest import ROOT

FIELDS = {
    "backbone",
    "size",
    "optimizer",
    "seconds_per_step",
    "peak_bytes",
    "plain_seconds_per_step",
    "plain_peak_bytes",
    "ratio",
    "floor_seconds",
}


def run(folder, *words: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        str(ROOT / "scripts/benchmark.py"),
        "--threads",
        "1",
        "--out",
        str(folder / "out"),
        *words,
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200)


@pytest.mark.slow
def test_the_table_and_its_files(tmp_path) -> None:
    done = run(tmp_path, "--sizes", "48", "--backbones", "squeezenet", "--steps", "1", "--turns", "1")
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "out/benchmark.json").read_text())
    assert [(row["backbone"], row["size"], row["optimizer"]) for row in rows] == [
        (backbone, 48, optimizer) for backbone in ("squeezenet",) for optimizer in ("adam", "lbfgs")
    ]
    for row in rows:
        assert row.keys() == FIELDS
        assert row["seconds_per_step"] > row["floor_seconds"] > 0
        assert row["ratio"] > 0
    about = json.loads((tmp_path / "out/machine.json").read_text())
    assert about["threads"] == 1
    assert about["flop_per_second"]["float32"] > 1e8
    assert (tmp_path / "out/benchmark.svg").read_text().startswith("<svg")
    assert "over floor" in done.stdout


@pytest.mark.slow
def test_time_to_a_picture(tmp_path) -> None:
    few = "--sizes", "64", "--backbones", "wavelet", "--plain-steps", "5", "--patience", "100"
    done = run(tmp_path, "--time-to-picture", *few, "--rates", "0.004", "0.02", "--ways", "lbfgs+bands", "adam+pixels")
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "out/time_to_picture.json").read_text())
    aims = [f"5 steps of Adam({rate:g})" for rate in (0.004, 0.02)]
    assert [(row["way"], row.get("aim")) for row in rows] == [
        (way, aim) for plain in aims for way, aim in ((plain, None), ("lbfgs+bands", plain), ("adam+pixels", plain))
    ]
    assert rows[3]["loss"] < rows[0]["loss"]
    assert all(row["seconds"] > 0 and row["share"] > 0 for row in rows)
