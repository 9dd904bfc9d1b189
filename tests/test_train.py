"""The program itself, as a person runs it."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import QUICK, ROOT, picture
from PIL import Image


def read(folder, name):
    return json.loads((folder / name).read_text())


def test_a_run_leaves_its_pictures_and_its_record(train, tmp_path, photo):
    done = train("size=64", "steps=12", f"content.path={photo}", "hydra.run.dir=run", "callbacks.snapshots.every=5")
    assert done.returncode == 0, done.stderr
    assert "picture: run/final.png" in done.stdout
    run = tmp_path / "run"
    assert picture(run / "final.png").size == (64, 43)
    assert (run / "level_1_64x43.png").exists()
    assert not (run / "partial.png").exists()
    assert read(run, "status.json")["state"] == "finished"
    metrics = read(run, "metrics.json")
    assert metrics["loss"] == pytest.approx(sum(metrics["weights"][k] * v for k, v in metrics["terms"].items()))
    assert metrics["terms"].keys() == metrics["layers"].keys()
    assert metrics["seconds"] > 0
    assert 1e8 < metrics["peak_memory_bytes"] < 1e11
    content = metrics["sources"]["content"]
    assert (content["origin"], content["path"]) == ("file", str(photo))
    assert len(content["sha256"]) == 64
    assert metrics["sources"]["styles"][0]["origin"] == "asset"
    assert metrics["sources"]["checkpoint"]["origin"] == "embedded"
    assert "size: 64" in (run / "config.yaml").read_text()
    tags = _tensorboard(run)
    assert {"loss", "loss/style", "loss/content", "schedule/lr", "result/loss"} <= set(tags["scalars"])
    assert any(tag.startswith("term/style/") for tag in tags["scalars"])
    assert {"picture", "source/content", "source/style_1"} <= set(tags["images"])


def _tensorboard(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tags: dict[str, list[str]] = {"scalars": [], "images": []}
    for file in run.glob("events*"):
        events = EventAccumulator(str(file))
        events.Reload()
        for kind in tags:
            tags[kind] += events.Tags()[kind]
    return tags


def test_the_same_command_gives_the_same_picture_bit_for_bit(train, tmp_path):
    pictures = []
    for folder in ("one", "two"):
        assert train(*QUICK, f"hydra.run.dir={folder}").returncode == 0
        pictures.append(np.asarray(picture(tmp_path / folder / "final.png")))
    assert np.array_equal(*pictures)


@pytest.mark.slow
def test_two_runs_of_one_second_have_folders_of_their_own(tmp_path):
    command = [sys.executable, str(ROOT / "train.py"), *QUICK, "steps=0"]
    jobs = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [job.wait(120) for job in jobs] == [0, 0]
    assert len(list(tmp_path.glob("outputs/*/*_wavelet/final.png"))) == 2


def test_a_headline_painting_falls_back_with_one_line(train, tmp_path):
    done = train(*QUICK, "style=starry_night", "hydra.run.dir=run", "download.hosts=[]", "kernels=off")
    assert done.returncode == 0, done.stderr
    warnings = [line for line in done.stdout.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 1
    assert "starry_night" in warnings[0]
    assert "swirling_night is used instead" in warnings[0]
    metrics = read(tmp_path / "run", "metrics.json")
    assert metrics["warnings"] == [warnings[0].removeprefix("warning: ")]
    assert metrics["sources"]["styles"][0]["origin"] == "homage"


@pytest.mark.parametrize("name", ["my photo (1), été.png", "it's.png"])
def test_any_file_name_works_unquoted(train, tmp_path, photo, name):
    photo.rename(tmp_path / name)
    done = train(*QUICK, f"content.path={name}", "hydra.run.dir=run")
    assert done.returncode == 0, done.stderr
    assert read(tmp_path / "run", "metrics.json")["sources"]["content"]["path"] == str(tmp_path / name)


def test_alpha_is_kept(train, tmp_path, photo):
    image = picture(photo).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(tmp_path / "alpha.png")
    assert train(*QUICK, "content.path=alpha.png", "hydra.run.dir=run").returncode == 0
    final = picture(tmp_path / "run/final.png")
    assert final.mode == "RGBA"
    assert final.getchannel("A").getextrema()[1] > 200


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_the_run_cleanly(tmp_path, number):
    run = tmp_path / "run"
    command = [sys.executable, str(ROOT / "train.py"), "size=64", "steps=100000", "hydra.run.dir=run", "logger=none"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as job:
        deadline = time.monotonic() + 100
        while not (run / "config.yaml").exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(3)
        job.send_signal(number)
        out, err = job.communicate(timeout=60)
    assert job.returncode == 128 + number, err.decode()
    assert b"Traceback" not in err
    assert read(run, "status.json")["state"] == "interrupted"
    assert number.name in read(run, "status.json")["reason"]
    assert picture(run / "partial.png").size == (64, 43)
    assert not (run / "final.png").exists()


def test_a_sweep_runs_its_jobs_and_outlives_a_failing_one(train, tmp_path, photo):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    done = train(*QUICK, "-m", f"content.path={photo},broken.png", "weights.style=1,10", "hydra.sweep.dir=sweep")
    states = [read(tmp_path / "sweep" / str(i), "status.json")["state"] for i in range(4)]
    assert states == ["finished", "finished", "failed", "failed"]
    assert "broken.png is not a picture" in done.stdout


@pytest.mark.parametrize(
    "recipe",
    [
        "sohini_course",
        "sohini_readme",
        pytest.param("lasse", marks=pytest.mark.slow),
        pytest.param("udaabu", marks=pytest.mark.slow),
        pytest.param("nikhil", marks=pytest.mark.slow),
        pytest.param("gatys2016", marks=pytest.mark.slow),
        "neural_style",
        pytest.param("gordicaleksa", marks=pytest.mark.slow),
    ],
)
def test_every_recipe_starts_and_runs(train, tmp_path, recipe):
    done = train(
        f"experiment={recipe}", "size=48", "steps=2", "method.style_size=48", "backbone.checkpoint=random",
        "logger=none", "hydra.run.dir=run",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert picture(tmp_path / "run/final.png").size[0] >= 48


@pytest.mark.slow
def test_the_content_study_is_one_sweep_of_ten_runs(train, tmp_path):
    done = train(
        "experiment=content_study", "size=48", "steps=1", "backbone.checkpoint=random", "logger=none",
        "hydra.sweep.dir=sweep",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    layers = [next(iter(read(tmp_path / "sweep" / str(i), "metrics.json")["layers"]["content"])) for i in range(10)]
    assert layers == [f"relu{i}_1" for i in (1, 1, 2, 2, 3, 3, 4, 4, 5, 5)]


BAD = {
    "size=abc": "size is 'abc'; expected a whole number",
    "size=1": "would be 1 pixels; give a larger size=",
    "size=20": "is too small: the deepest layer in use",
    "steps=-3": "steps is -3; give 0 or more",
    "steps=1.5": "steps is 1.5; expected a whole number",
    "optimizer.lr=abc": "optimizer.lr is 'abc'; expected a number",
    "optimizer.lr=-1": "Invalid learning rate: -1",
    "optimizer.lrr=1": "there is no option optimizer.lrr; nearest: lr",
    "optimizr=adam": "optimizr",
    "optimizer=adm": "there is no optimizer=adm; nearest: adam",
    "style=stary_night": "there is no style=stary_night; nearest: starry_night",
    "content.path=nothing.jpg": "no picture nothing.jpg",
    "content.path=.": "is a folder",
    "weights.style=-1": "weights.style is -1; give 0 or more",
    "weights.styl=1": "there is no option weights.styl; nearest: style",
    "+weights.stile=1": "weights.stile belongs to no loss",
    "+layers.style.s9=1": "no wavelet layer 's9'; nearest: s",
    "layers.style=null": "layers.style is empty",
    "loss.content.reduction=max": "give one of relative",
    "init=file": "init.path",
    "init=noise init.distribution=cauchy": "give uniform, normal or gray",
    "pyramid.ratio=1": "pyramid.ratio is 1; give a number over 1",
    "pyramid.levels=0": "pyramid.levels is 0; give 1 or more",
    "callbacks.average.decay=1": "decay is 1; give a number from 0 up to 1",
    "callbacks.clamp.low=2": "give low < high",
    "output=squash": "output is 'squash'; give clip or stretch",
    "method.fit=diagonal": "diagonal",
    "method.space=lab": "method.space is 'lab'; give one of image, input",
    "backbone=vgg19 download.hosts=[]": "no checkpoint of vgg19 can be had",
    "backbone=vgg19 backbone.checkpoint=nowhere.pth": "checkpoint not found: nowhere.pth",
    "backbone=squeezenet backbone.checkpoint=random layers=vgg19": "no layer 'relu4_2'",
    "max_megapixels=0.01": "over the limit of 0.01",
    "hydra.run.dir=file/below": "file/below|file",
    "weights.content=0 weights.style=0": "nothing to optimise",
    "optimizer=sgd optimizer.lr=1e30 callbacks=none method.space=image": "the loss is",
    "style.path=a:b": "no picture a:b",
}


@pytest.mark.parametrize("overrides", BAD)
def test_bad_input_is_one_line_and_an_exit_code(train, tmp_path, overrides):
    (tmp_path / "file").touch()
    arguments = overrides.split()
    done = train(
        "backbone=wavelet",
        "steps=5",
        "logger=none",
        *([] if "size=" in overrides else ["size=64"]),
        "hydra.run.dir=run",
        *arguments,
    )
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert any(part in lines[0] for part in BAD[overrides].split("|")), lines[0]
    assert not (tmp_path / "run" / "final.png").exists()
    if (tmp_path / "run" / "status.json").exists():
        assert read(tmp_path / "run", "status.json")["state"] == "failed"
