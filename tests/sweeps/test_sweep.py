"""Sweeps as a person runs them: what fails fails alone, what is missing is made later, launchers agree."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import QUICK, ROOT, picture

from nst.sweeps import launch, manifest

BOMB = """
import os, pathlib, signal, sys
from lightning.pytorch import Callback

class Bomb(Callback):
    def __init__(self, how: str):
        self.how = how
    def on_train_batch_start(self, trainer, module, *args):
        if trainer.global_step != 1 or not pathlib.Path("armed").exists():
            return
        if self.how == "raise":
            raise RuntimeError("the bomb went off")
        if self.how == "exit":
            sys.exit(3)
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "diverge":
            module.pixels.data.fill_(float("nan"))
"""
SWEEP = ("-m", *QUICK, "hydra.sweep.dir=sweep", "+callbacks.bomb._target_=bomb.Bomb", "threads=1", "timelapse=none")


@pytest.fixture
def bombed(tmp_path):
    """Run `python train.py ARGUMENTS` where `bomb` can be imported."""
    (tmp_path / "bomb.py").write_text(BOMB)
    (tmp_path / "armed").touch()
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT / 'src'}"}

    def run(*arguments):
        command = [sys.executable, str(ROOT / "train.py"), *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)

    return run


def states(folder):
    jobs = manifest.jobs(folder)
    return {int(job.name): json.loads((job / "status.json").read_text()) for job in jobs}


def plugin(launcher):
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    if launcher == "submitit_local":
        pytest.importorskip("hydra_plugins.hydra_submitit_launcher")


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "joblib", "submitit_local"])
def test_jobs_that_fail_fail_alone_and_are_made_later(bombed, tmp_path, photo, launcher):
    plugin(launcher)
    good = photo.read_bytes()
    broken = tmp_path / "broken.png"
    broken.write_bytes(good[: len(good) // 2])
    choices = (*SWEEP, f"hydra/launcher={launcher}", "+callbacks.bomb.how=none,raise,kill,exit,diverge")
    choices += ("content.path=photo.png,broken.png",)
    done = bombed(*choices)
    assert done.returncode == 1, done.stderr
    first = states(tmp_path / "sweep")
    expected = {0: "finished", 2: "failed", 4: "killed", 6: "failed", 8: "failed"} | dict.fromkeys(
        range(1, 10, 2), "failed"
    )
    assert {number: fields["state"] for number, fields in first.items()} == expected
    assert first[2]["reason"] == "the bomb went off"
    assert "killed by SIGKILL" in first[4]["reason"]
    assert first[6]["reason"] == "ended by itself with exit code 3"
    assert "not a number" in first[8]["reason"]
    assert all("broken.png is damaged" in first[number]["reason"] for number in range(1, 10, 2))
    page = (tmp_path / "sweep/gallery.html").read_text()
    for fields in first.values():
        assert fields["reason"] is None or fields["reason"].split(";")[0].replace("'", "\\u0027") in page
    assert "sweep: 1 finished" in done.stdout

    (tmp_path / "armed").unlink()
    broken.write_bytes(good)
    before = (tmp_path / "sweep/0/final.png").stat().st_mtime_ns
    again = bombed(*(word for word in choices if not word.startswith("hydra.sweep")), "resume=sweep")
    assert again.returncode == 0, again.stderr
    assert {fields["state"] for fields in states(tmp_path / "sweep").values()} == {"finished"}
    assert (tmp_path / "sweep/0/final.png").stat().st_mtime_ns == before  # it was not run again


@pytest.mark.slow
def test_launchers_give_the_same_bytes(bombed, tmp_path, photo):
    plugin("joblib")
    shared = ("-m", *QUICK, "content.path=photo.png", "weights.style=1,3", "style=mosaic,hatching", "threads=1")
    for launcher in ("basic", "joblib"):
        done = bombed(*shared, f"hydra/launcher={launcher}", f"hydra.sweep.dir={launcher}")
        assert done.returncode == 0, done.stderr
    for number in range(4):
        one, two = (np.asarray(picture(tmp_path / name / f"{number}/final.png")) for name in ("basic", "joblib"))
        assert np.array_equal(one, two)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_sweep_that_is_stopped_says_so_and_goes_on_later(tmp_path, photo, number):
    choices = ["-m", "size=64", "logger=none", "content.path=photo.png", "weights.style=1,2", "steps=400", "threads=1"]
    command = [sys.executable, str(ROOT / "train.py"), *choices]
    process = subprocess.Popen([*command, "hydra.sweep.dir=sweep"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    deadline = time.time() + 120
    while not (tmp_path / "sweep/0/level_1_64x43.png").exists() and not (tmp_path / "sweep/0/status.json").exists():
        assert time.time() < deadline
        time.sleep(0.1)
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    fields = states(tmp_path / "sweep")
    assert fields[0]["state"] == "interrupted"
    assert number.name in fields[0]["reason"]
    assert 1 not in fields
    assert "resume=sweep" in out


@pytest.mark.slow
def test_what_is_no_sweep_is_not_resumed(train, tmp_path):
    done = train("-m", *QUICK, "resume=nowhere")
    assert done.returncode == 1
    assert done.stderr == "error: resume=nowhere is no sweep; give the folder that `sweep.json` is in\n"


def test_another_sweep_is_not_mixed_in(train, tmp_path):
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep/sweep.json").write_text('{"overrides": ["size=32"]}')
    done = train("-m", *QUICK, "resume=sweep")
    assert done.returncode == 1
    assert "holds another sweep" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_launcher_that_is_not_installed_names_its_extra(train):
    done = train("-m", *QUICK, "hydra/launcher=ray")
    if "needs an extra" not in done.stderr:
        pytest.skip("it is installed")
    assert done.stderr == "error: hydra/launcher=ray needs an extra: pip install 'nst[ray]'\n"


def test_swept_keys_are_those_with_several_values():
    assert launch.swept(["a=1,2", "b=3", "c=range(1,4)", "d=[1,2]", "e='x,y'", "+f=choice(1,2)"]) == ["a", "c", "f"]


@pytest.mark.slow
def test_two_objectives_and_a_failed_trial(bombed, tmp_path, photo):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    search = ("search=pareto", *QUICK, "content.path=photo.png", "hydra.sweep.dir=sweep", "hydra.sweeper.n_trials=4")
    done = bombed(*search, "+callbacks.bomb._target_=bomb.Bomb", "+callbacks.bomb.how=diverge")
    assert done.returncode == 1  # every trial failed, and all were tried: none of them ended the study
    assert len(states(tmp_path / "sweep")) == 4
    (tmp_path / "armed").unlink()
    done = bombed(*(word for word in search if "sweep.dir" not in word), "hydra.sweep.dir=other")
    assert done.returncode == 0, done.stderr
    objectives = [fields["objective"] for fields in states(tmp_path / "other").values()]
    assert all(len(one) == 2 and all(0 < value < 10 for value in one) for one in objectives)
    commands = {fields["command"] for fields in states(tmp_path / "other").values()}
    assert len(commands) == 4
    assert not any("search=" in command for command in commands)


@pytest.mark.slow
def test_a_killed_job_of_a_sweep_goes_on_where_it_was(bombed, tmp_path, photo):
    choices = ("-m", *QUICK, "content.path=photo.png", "+callbacks.bomb._target_=bomb.Bomb", "threads=1")
    choices += ("+callbacks.bomb.how=kill,raise", "checkpoint.every=1", "optimizer=adam")
    assert bombed(*choices, "hydra.sweep.dir=sweep").returncode == 1
    assert all((tmp_path / f"sweep/{number}/last.ckpt").exists() for number in (0, 1))
    (tmp_path / "armed").unlink()
    done = bombed(*choices, "resume=sweep")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("goes on after step 1 (level 1)") == 2
    assert bombed(*choices, "hydra.sweep.dir=whole").returncode == 0
    for number in (0, 1):
        one, two = (np.asarray(picture(tmp_path / name / f"{number}/final.png")) for name in ("sweep", "whole"))
        assert np.array_equal(one, two)
        assert not (tmp_path / f"sweep/{number}/last.ckpt").exists()
