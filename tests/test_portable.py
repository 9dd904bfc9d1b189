"""nst elsewhere than on Linux: without POSIX's modules, signals and calls (see windows/sitecustomize.py), on a Mac."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import QUICK, ROOT, cache_in
from filelock import FileLock
from hydra.core.override_parser.overrides_parser import OverridesParser

from nst.config.arguments import quoted
from nst.experiment import status
from nst.utils import process

SITE = Path(__file__).parent / "windows"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is taken away here is Linux's")


def windows(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start Python as nst would find it on Windows."""
    paths = os.pathsep.join(map(str, (SITE, ROOT / "src", ROOT)))
    environment = {**os.environ, "PYTHONPATH": paths, "NST_CACHE": str(cache_in(folder)), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *words]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


EVERYTHING = """
import importlib, os, pkgutil, runpy, sys
import nst, nst.experiment.record
assert nst.experiment.record.sys.platform == "win32"
missing = []
for found in pkgutil.walk_packages(nst.__path__, "nst."):
    try:
        importlib.import_module(found.name)
    except ModuleNotFoundError as error:
        missing.append(error.name)
assert set(missing) <= {"submitit", "hydra_plugins", "hydra_plugins.hydra_submitit_launcher"}, missing
sys.argv = ["train.py", *sys.argv[1:]]
runpy.run_path(os.path.join(sys.argv.pop(), "train.py"), run_name="__main__")
"""


def test_everything_imports_and_a_picture_is_painted(tmp_path):
    done = windows(tmp_path, "-c", EVERYTHING, *QUICK, "judge=none", "timelapse=none", "hydra.run.dir=run", str(ROOT))
    text, _ = done.communicate(timeout=300)
    assert done.returncode == 0, text
    assert json.loads((tmp_path / "run/status.json").read_text())["state"] == "finished"
    assert json.loads((tmp_path / "run/metrics.json").read_text())["loss"] > 0


@pytest.mark.slow
def test_a_sweep_starts_its_jobs_by_spawn(tmp_path):
    words = ("-m", *QUICK, "seed=0,1", "hydra.sweep.dir=sweep", "judge=none", "timelapse=none")
    done = windows(tmp_path, str(ROOT / "train.py"), *words)
    text, _ = done.communicate(timeout=600)
    assert done.returncode == 0, text
    assert "sweep: 2 finished" in text
    assert (tmp_path / "sweep/1/final.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_sweep_that_is_stopped_keeps_the_picture(tmp_path, number):
    words = ("-m", *QUICK, "seed=0,1", "steps=100000", "hydra.sweep.dir=sweep", "checkpoint.every=1")
    sweep = windows(tmp_path, str(ROOT / "train.py"), *words)
    until = time.monotonic() + 300
    while not (tmp_path / "sweep/0/last.ckpt").exists():
        assert time.monotonic() < until and sweep.poll() is None, sweep.communicate()[0]
        time.sleep(0.1)
    sweep.send_signal(number)
    text, _ = sweep.communicate(timeout=300)
    assert sweep.returncode != 0
    assert json.loads((tmp_path / "sweep/0/status.json").read_text())["state"] == "interrupted", text
    assert (tmp_path / "sweep/0/partial.png").is_file()


@pytest.mark.parametrize(
    "path",
    [
        r"C:\photos\me.jpg",
        r"C:\new\table (1).jpg",
        r"\\server\share\a b.jpg",
        r"\\server\share\me.jpg",
        r"C:\it's\a,b.jpg",
        "D:\\photos\\",
        r"..\me.jpg",
        r"C:\été\me.jpg",
    ],
)
@pytest.mark.parametrize("key", ["content.path", "style.path", "hydra.run.dir", "resume", "base"])
def test_a_path_of_windows_arrives_as_typed(key, path):
    (argument,) = quoted([f"{key}={path}"])
    assert OverridesParser.create().parse_override(argument).value() == path


def test_without_signals_a_run_is_known_by_the_lock_on_its_folder(tmp_path, monkeypatch):
    class NT:
        name = "nt"
        getpid = staticmethod(lambda: 2**22 - 1)

    monkeypatch.setattr(status, "os", NT)
    status.write(tmp_path, "running")
    with FileLock(tmp_path / status.LOCK):
        assert status.read(tmp_path)["state"] == "running"
    assert status.read(tmp_path)["state"] == "killed"


@pytest.mark.parametrize(("system", "method"), [("linux", "forkserver"), ("darwin", "spawn"), ("win32", "spawn")])
def test_jobs_are_forked_on_linux_alone(monkeypatch, system, method):
    monkeypatch.setattr(sys, "platform", system)
    assert process.start_method() == method
