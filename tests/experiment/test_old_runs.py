"""Runs and pictures of version 0.1, from before modules and options had today's names: they open, and nothing is lost.

`tests/old_runs` was made by that version (commit e78e09f) at 48 x 32 pixels: an image job and a network's training that
SIGTERM ended, and a finished picture.
"""

import json
import shutil

import pytest
import torch
from conftest import ROOT

from nst.config import legacy
from nst.experiment import provenance

OLD = ROOT / "tests/old_runs"


@pytest.fixture
def old(tmp_path):
    def copy(name):
        shutil.copytree(OLD / name, tmp_path / name)
        return tmp_path / name

    return copy


def test_an_interrupted_run_goes_on(train, old):
    folder = old("interrupted")
    step = torch.load(folder / "last.ckpt", weights_only=True)["nst"]["step"]
    assert 0 < step < 150
    done = train("resume=interrupted")
    assert done.returncode == 0, done.stderr
    assert f"goes on after step {step} " in done.stdout
    assert json.loads((folder / "status.json").read_text())["state"] == "finished"
    assert json.loads((folder / "metrics.json").read_text())["levels"] == [
        {"picture": "level_1_48x32.png", "steps": 150}
    ]


def test_a_picture_is_reproduced_under_the_option_s_old_name(train, old, tmp_path):
    old("finished")
    done = train("recipe=finished/final.png", "hydra.run.dir=again", "logger=none")
    assert done.returncode == 0, done.stderr
    there, made = (provenance.read(tmp_path / name / "final.png") for name in ("finished", "again"))
    assert there.config["size"] == made.config["size"] == 48
    assert "pixel is reproduced" in done.stdout  # every one, or not every one and why: another machine's bits differ


def test_a_training_goes_on(train, old):
    folder = old("network")
    done = train("resume=network")
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "metrics.json").read_text())["steps"] == 40
    assert torch.load(folder / "network.ckpt", weights_only=True)["nst"]["method"] == "feedforward"


def test_old_words_are_read_as_today_s():
    typed = ["recipe=a.png", "objective=[style,content]", "learn.batch=2", "+learn.gains.tv=1", "size=3", "learn=x"]
    assert legacy.words(typed) == [
        "reproduce=a.png", "minimize=[style,content]", "training.batch=2", "+training.gains.tv=1", "size=3",
        "training=x",
    ]  # fmt: skip


def test_old_classes_are_found_where_they_are_now():
    stored = {
        "job": {"_target_": "nst.learn.learn"},
        "learn": {"_target_": "nst.lessons.Teaching", "stop": {"_target_": "nst.callbacks.StopEarly"}},
        "pyramid": {"_target_": "nst.pyramid.coarse_to_fine"},
        "list": [{"_target_": "nst.data.folder"}, 3],
    }
    made = legacy.config(stored)
    assert "job" not in made
    assert made["training"]["_target_"] == "nst.config.training_options.TrainingOptions"
    assert made["pyramid"]["_target_"] == "nst.methods.pyramid.coarse_to_fine"
    assert made["list"] == [{"_target_": "nst.data.photographs.folder"}, 3]
    assert legacy.config({"learn": 1}) == {"learn": 1}  # today's have no `job`, and are left as they are


def test_damaged_records_hold_no_words():
    assert legacy.recorded({"overrides": ["recipe=a.png", 3, None]}) == ["reproduce=a.png"]
    assert legacy.recorded({"overrides": 3}) == legacy.recorded({}) == []
