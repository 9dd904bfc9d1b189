"""A run that was killed goes on to the picture of one that was not, bit for bit."""

import itertools
import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import picture

TINY = (
    "backbone=wavelet",
    "size=64",
    "pyramid=explicit",
    "pyramid.sizes=[48,56,64]",
    "pyramid.steps=[4,4,4]",
    "threads=1",
)
TINY += ("trainer.accelerator=cpu", "trainer.log_every_n_steps=1", "callbacks.snapshots.every=2", "judge=wavelet")
METHODS = {
    "lbfgs": ("optimizer=lbfgs", "scheduler=constant"),
    "bands": (),
    "adam": ("method.moments=resized", "method.space=image",
             "+callbacks.restart.step=2",
             "+callbacks.restart._target_=nst.callbacks.Restart", "callbacks.average.first=start"),
}  # fmt: skip


def pixels(run: Path) -> dict[str, np.ndarray]:
    return {file.name: np.asarray(picture(file)) for file in run.glob("*.png")}


def same(one: Path, two: Path) -> None:
    ours, theirs = pixels(one), pixels(two)
    assert ours.keys() == theirs.keys()
    assert "final.png" in ours
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def steps_logged(run: Path) -> dict[str, list[int]]:
    """Steps as TensorBoard shows them; one that follows itself counts once: a level opens with images of the last step.

    Those images are logged again after a resume where the level before it was the last to be saved.
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    tags = events.Tags()
    steps = {tag: [e.step for e in events.Scalars(tag)] for tag in tags["scalars"] if "/" not in tag} | {
        tag: [e.step for e in events.Images(tag)] for tag in tags["images"]
    }
    return {tag: [step for step, _ in itertools.groupby(found)] for tag, found in steps.items()}


@pytest.fixture
def killed(start, tmp_path):
    """Run a command, and kill it when `now(run folder)` is true; return whether it was."""

    def run(now, *arguments: str) -> bool:
        process = start(*arguments)
        folder, deadline = tmp_path / "run", time.monotonic() + 120
        while process.is_alive() and not now(folder):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        alive = process.is_alive()
        if alive:
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        return alive

    return run


def at_step(step: int):
    """Tell whether a checkpoint after at least so many steps, over all levels, is there."""

    def reached(folder: Path) -> bool:
        try:
            found = torch.load(folder / "last.ckpt", weights_only=True)["nst"]
        except (OSError, RuntimeError, EOFError):
            return False
        return found["step"] >= step

    return reached


@pytest.mark.parametrize(
    ("method", "step"),
    [
        ("adam", 7),
        pytest.param("bands", 6, marks=pytest.mark.slow),
        pytest.param("lbfgs", 8, marks=pytest.mark.slow),
        pytest.param("lbfgs", 12, marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_goes_on_to_the_same_picture(train, killed, tmp_path, method, step):
    choices = (*TINY, *METHODS[method], "checkpoint.every=1")
    assert train(*choices, "hydra.run.dir=whole").returncode == 0
    for _ in range(5):  # a busy machine may see the last step too late
        if killed(at_step(step), *choices, "hydra.run.dir=run"):
            break
        shutil.rmtree(tmp_path / "run")
    done = train("resume=run")
    assert done.returncode == 0, done.stderr
    assert "goes on " in done.stdout
    same(tmp_path / "run", tmp_path / "whole")
    assert steps_logged(tmp_path / "run") == steps_logged(tmp_path / "whole")
    ours, theirs = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("run", "whole"))
    for key in ("loss", "levels", "sources"):
        assert ours[key] == theirs[key]
    assert not (tmp_path / "run/last.ckpt").exists()
    again = (tmp_path / "run/final.png").stat().st_mtime_ns
    finished = train("resume=run")
    assert (finished.returncode, finished.stdout) == (0, "run is finished already; its picture is kept\n")
    assert (tmp_path / "run/final.png").stat().st_mtime_ns == again


def test_a_run_that_began_before_the_bands_had_learning_rates_of_their_own_goes_on_without(train, killed, tmp_path):
    choices = (*TINY, "checkpoint.every=1")
    equal = ("method.band_lr=[1,1,1,1]", "method.finer_band_lr=[1,1,1,1]")
    assert train(*choices, *equal, "hydra.run.dir=whole").returncode == 0
    for _ in range(5):
        if killed(at_step(6), *choices, "~method.band_lr", "~method.finer_band_lr", "hydra.run.dir=run"):
            break
        shutil.rmtree(tmp_path / "run")
    done = train("resume=run")
    assert done.returncode == 0, done.stderr
    same(tmp_path / "run", tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_killed_at_random_moments(train, killed, tmp_path, method):
    choices = (*TINY, *METHODS[method], "checkpoint.every=1")
    assert train(*choices, "hydra.run.dir=whole").returncode == 0
    whole = tmp_path / "whole"
    length = (whole / "status.json").stat().st_mtime - (whole / "config.yaml").stat().st_mtime
    moments, reached = random.Random(f"8 {method}"), []
    for number in range(25):
        until = moments.random() * length * 1.05

        def late(folder, until=until):
            begun = folder / "config.yaml"
            return begun.exists() and time.time() - begun.stat().st_mtime > until

        killed(late, *choices, "hydra.run.dir=run")
        found = tmp_path / "run/last.ckpt"
        reached.append(torch.load(found, weights_only=True)["nst"]["step"] if found.exists() else None)
        done = train("resume=run")
        assert done.returncode == 0, done.stderr
        same(tmp_path / "run", whole)
        assert steps_logged(tmp_path / "run") == steps_logged(whole)
        (tmp_path / "run").rename(tmp_path / f"run_{number}")
    print(f"{method}: killed after these steps: {reached}")
