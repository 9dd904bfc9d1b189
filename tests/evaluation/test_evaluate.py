"""An evaluation from its file to its pages."""

import csv
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import ROOT, grey_noise
from PIL import Image

from nst.commands import evaluate as command
from nst.evaluation import measuring, study
from nst.evaluation.evaluate import evaluate


def painted(path, seed):
    """A picture file of 72 x 64 pixels."""
    path.parent.mkdir(exist_ok=True)
    noise = grey_noise((9, 8), 90 + seed, seed).resize((72, 64), Image.Resampling.BICUBIC)
    Image.merge("RGB", [noise.point(lambda v, k=k: min(255, v * (2 + (seed + k) % 3) // 3)) for k in range(3)]).save(
        path
    )


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Two photographs, a painting, pictures by another program of both pairs and by a third of one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))  # no LPIPS
    for seed, name in enumerate(("c/a.png", "c/b.png", "s/x.png", "one/a_x.png", "one/b_x.png", "two/a_x.png")):
        painted(tmp_path / name, seed)
    (tmp_path / "study.yaml").write_text(
        "contents: c\nstyles: s\nsize: 64\nresamples: 100\n"
        "judges: {small_vgg19: [judge=small_vgg19]}\n"
        "methods: {one: {pictures: one, network: small_vgg19}, two: {pictures: two}}\n"
    )
    return tmp_path


def hides_names(page):
    """A page for votes holds its pictures, so that no file's name tells the method."""
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])
    assert [set(pair["of"]) for pair in data["pairs"]] == [{"one", "two"}, {"one"}]
    assert all(image.startswith("data:image/jpeg") for image in data["images"])
    assert "one/a_x" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_folders_of_any_program_are_judged_and_what_was_measured_is_kept(place, monkeypatch, capsys):
    assert command.main(["study.yaml", "--output", "out"]) == 0
    assert capsys.readouterr().out.endswith("out/evaluation.html\n")
    rows = {row["method"]: row for row in csv.DictReader((place / "out/evaluation.csv").read_text().splitlines())}
    assert list(rows) == ["identity", "target", "one", "two"]
    assert [rows[name]["missing"] for name in rows] == ["0", "0", "0", "1"]
    assert float(rows["identity"]["small_vgg19.moments mean"]) == pytest.approx(1, abs=1e-4)
    assert float(rows["target"]["small_vgg19.moments mean"]) == pytest.approx(0, abs=1e-4)
    found = json.loads((place / "out/evaluation.json").read_text())
    assert found["won_by_references"]["ssim"] == "identity"
    (pair,) = found["comparisons"]["preference, pair by pair, of methods with one setting"]
    assert (pair["first"], pair["second"], pair["pairs"]) == ("one", "two", 1)
    page = (place / "out/evaluation.html").read_text()
    assert "†" in page
    assert "no picture of this pair" in (place / "out/pictures.csv").read_text()
    before = {
        name: (place / "out" / name).read_bytes() for name in ("evaluation.csv", "evaluation.json", "pictures.csv")
    }
    monkeypatch.setattr(measuring, "panel", lambda asked: pytest.fail("measured again"))
    evaluate(study.read(place / "study.yaml"), place / "out", say=lambda line: None)
    assert {name: (place / "out" / name).read_bytes() for name in before} == before


def test_a_picture_that_changes_is_measured_anew(place):
    first = list(measuring.measure(_entries(place), study.read(place / "study.yaml"), place / "figures"))
    painted(place / "two/a_x.png", 40)
    measuring._sha256.cache_clear()
    measuring._load.cache_clear()
    second = list(measuring.measure(_entries(place), study.read(place / "study.yaml"), place / "figures"))
    assert first[0].figures == second[0].figures
    assert first[1].figures != second[1].figures


def _entries(place):
    return [
        measuring.Entry(name, "", place / "c/a.png", place / "s/x.png", place / name / "a_x.png")
        for name in ("one", "two")
    ]


def test_a_list_with_hashes_fixes_the_set(place):
    digest = hashlib.sha256((place / "c/b.png").read_bytes()).hexdigest()
    (place / "set.txt").write_text(f"{digest}  b.png\n")
    chosen = study.PictureSet(folder="c", hashes="set.txt")
    assert [path.name for path in chosen.paths()] == ["b.png"]
    painted(place / "c/b.png", 50)
    with pytest.raises(ValueError, match="b.png is another picture than the set's: its SHA-256 is not"):
        chosen.paths()


def test_the_samples_are_pictures_that_come_with_nst(place):
    (place / "s.yaml").write_text("contents: samples\nstyles: samples\nmethods: {default: []}\n")
    asked = study.read(place / "s.yaml")
    assert [path.stem for path in asked.contents.paths()] == ["astronaut", "chelsea", "coffee", "rocket"]
    assert len(asked.styles.paths()) == 9
    assert len(asked.chosen()) == 36


SETS = "contents: c\nstyles: s\nsize: 64\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, "there is no file bad.yaml; give a study"),
        (SETS, "methods: Field required"),
        (SETS + "methods: {}", "methods: Dictionary should have at least 1 item"),
        (SETS + "methods: {a: {pictures: one, overrides: []}}", "give one of overrides, checkpoint and pictures"),
        (SETS + "methods: {a: {picture: one}}", "methods.a.picture: Extra inputs are not permitted"),
        ("contents: none\nstyles: s\nmethods: {a: {pictures: one}}", "there is no folder none; give the folder of"),
        (SETS + "methods: {a: {pictures: c}}", "method a: c has no picture of any pair"),
        (SETS + "methods: {a: {pictures: none}}", "method a: there is no none; give a folder"),
        (SETS + "pairs: [[a, y]]\nmethods: {a: {pictures: one}}", "pairs has a, y, but the sets do not"),
        (SETS + "pairs: [[a, x]]\nmethods: {a: []}", "pairs is for pictures that are there"),
        (SETS + "judges: {n: [judge=none]}\nmethods: {a: {pictures: one}}", "judges.n is judge=none"),
        ("- c", "holds no keys; give contents, styles and methods"),
    ],
)
def test_what_cannot_be_evaluated_is_said_in_one_line(place, capsys, text, line):
    if text is not None:
        (place / "bad.yaml").write_text(text)
    assert command.main(["bad.yaml", "--output", "out"]) == 1
    said = capsys.readouterr().err
    assert line in said
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1


def until_gone(group):
    """Wait for the end of every process of a group."""
    end = time.monotonic() + 60
    with suppress(ProcessLookupError):
        while time.monotonic() < end:
            os.killpg(group, 0)
            time.sleep(0.1)
        pytest.fail("processes are left")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_for_the_evaluation_alone_ends_its_sweep_too(tmp_path, number):
    painted(tmp_path / "c/c.png", 1)
    painted(tmp_path / "s/s.png", 2)
    (tmp_path / "study.yaml").write_text(f"contents: c\nstyles: s\ncommon: {COMMON}\nmethods: {{m: steps=100000}}\n")
    environment = {**os.environ, "TORCH_HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(
        [sys.executable, "-m", "nst", "evaluate", "study.yaml", "--output", "out"], cwd=tmp_path, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    while '"running"' not in "".join(path.read_text() for path in (tmp_path / "out").glob("m/*/status.json")):
        assert process.poll() is None, "it ended before it was stopped"
        time.sleep(0.2)
    os.kill(process.pid, number)
    assert process.wait(60) != 0
    until_gone(process.pid)
    assert '"interrupted"' in next((tmp_path / "out").glob("m/*/status.json")).read_text()


@pytest.mark.parametrize(
    "line",
    ["study.yaml a=1 b=2 --output out", "study.yaml --output out a=1 b=2", "--output out study.yaml a=1 b=2",
     "study.yaml a=1 --output out b=2"],
)  # fmt: skip
def test_words_stand_on_both_sides_of_a_flag(place, monkeypatch, line):
    asked = []
    monkeypatch.setattr("nst.evaluation.evaluate.evaluate", lambda study, folder: asked.append((study.common, folder)))
    (place / "study.yaml").write_text(SETS + "common: [size=64]\nmethods: {a: {pictures: one}}")
    assert command.main(line.split()) == 0
    assert asked == [(["size=64", "a=1", "b=2"], Path("out"))]


COMMON = "[size=48, steps=2, pyramid=none, checkpoint=none, threads=1, trainer.accelerator=cpu]"


@pytest.mark.slow
@pytest.mark.parametrize(("edge", "count"), [(2, 2), (6, 4)])
def test_an_evaluation_killed_at_any_moment_is_continued_to_the_same_table(tmp_path, edge, count):
    """Up to 36 pairs x four methods; SIGKILL while methods are painted, and while pictures are measured."""
    for seed in range(edge):
        painted(tmp_path / f"c/c{seed}.png", seed)
        painted(tmp_path / f"s/s{seed}.png", 10 + seed)
    painted(tmp_path / "out.png", 1)
    methods = [f"m{n}: backbone=wavelet weights.content={n}" for n in range(1, count + 1)]
    pairs = edge**2
    (tmp_path / "study.yaml").write_text(
        f"contents: c\nstyles: s\nsize: 64\nresamples: 100\ncommon: {COMMON}\n"
        "judges: {squeezenet_embedded: [judge=squeezenet_embedded]}\nmethods:\n"
        + "".join(f"  {line}\n" for line in methods)
    )
    environment = {**os.environ, "TORCH_HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "src")}
    line = [sys.executable, "-m", "nst", "evaluate", "study.yaml", "--output"]

    def run(output):
        return subprocess.Popen(
            [*line, output], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip

    moments = (("m1/*/final.png", pairs // 2), (f"m{count}/*/final.png", 1), ("figures/*.json", pairs))
    for kill, (sign, least) in zip((os.kill, os.killpg, os.kill), moments, strict=True):
        process = run("killed")
        while len(list((tmp_path / "killed").glob(sign))) < least:
            assert process.poll() is None, "it ended before it was killed"
            time.sleep(0.2)
        kill(process.pid, signal.SIGKILL)
        process.wait()
        until_gone(process.pid)  # what it started ends too
    assert run("killed").wait() == 0
    kept = {f: f.stat().st_mtime_ns for f in (tmp_path / "killed").glob("*/*/final.png")}
    assert len(kept) == pairs * count
    assert run("killed").wait() == 0
    assert {f: f.stat().st_mtime_ns for f in kept} == kept
    assert run("whole").wait() == 0
    tables = [
        list(csv.DictReader((tmp_path / name / "evaluation.csv").read_text().splitlines()))
        for name in ("killed", "whole")
    ]
    for row in (*tables[0], *tables[1]):  # how long it took, and on what, is another each time
        row.pop("seconds"), row.pop("memory_mb")
    assert tables[0] == tables[1]
