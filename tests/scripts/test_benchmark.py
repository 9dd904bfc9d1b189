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
    assert [(row["way"], row["rate"]) for row in rows] == [
        (way, rate) for way in ("plain", "lbfgs+bands", "adam+pixels") for rate in (0.004, 0.02)
    ]
    aims = {row["rate"]: row["loss"] for row in rows if row["way"] == "plain"}
    assert aims[0.02] < aims[0.004]
    assert all(row["loss"] <= aims[row["rate"]] and row["share"] > 0 for row in rows)
