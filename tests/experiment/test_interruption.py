"""What ends a run from outside: signals, a full disk, a folder that can't be written, too little memory."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, picture

from nst.callbacks.stop_on_signal import CAUGHT, Interrupted, caught
from nst.experiment import status
from nst.experiment.status import locked

RUN = (
    "backbone=wavelet",
    "size=64",
    "pyramid=explicit",
    "pyramid.sizes=[48,64]",
    "threads=1",
    "trainer.accelerator=cpu",
    "judge=none",
)
LONG = (*RUN, "pyramid.steps=[4,4000]", "checkpoint.every=1")


@pytest.fixture
def mount(tmp_path):
    """Mount a small file system in memory, where that is permitted."""
    mounted = []

    def make(size: str, *, read_only: bool = False) -> Path:
        folder = tmp_path / "disk"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}{',ro' if read_only else ''}", "tmpfs", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("mounting is not permitted here")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 100
    while not file.exists():
        assert time.monotonic() < deadline, f"{file} never came"
        time.sleep(0.02)


def error_of(done) -> str:
    assert done.returncode == 1, done
    (line,) = [line for line in done.stderr.splitlines() if line.strip()]
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize("logger", ["none", "tensorboard"])
def test_a_full_disk_is_one_line_and_the_last_state_is_kept(train, mount, tmp_path, logger):
    disk = mount("400k" if logger == "none" else "500k")
    done = train(*LONG, f"logger={logger}", f"hydra.run.dir={disk}/run")
    assert "the disk is full; free some space" in error_of(done)
    assert not (disk / "run/final.png").exists()
    assert not list((disk / "run").glob(".last.ckpt*"))
    subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
    if (disk / "run/last.ckpt").exists():
        from nst.callbacks.checkpoint import read

        assert read(disk / "run").level >= 1


def test_a_disk_that_cannot_be_written_is_one_line(train, mount):
    disk = mount("1m", read_only=True)
    assert "the file system is read-only" in error_of(train(*RUN, "steps=1", f"hydra.run.dir={disk}/run"))


def test_a_folder_that_vanishes_is_one_line(train, start, tmp_path):
    process = start(*LONG, "logger=none", "hydra.run.dir=run")
    wait_for(tmp_path / "run/last.ckpt")
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    process.join(100)
    assert process.exitcode == 1
    (line,) = (tmp_path / ".stderr").read_text().splitlines()
    assert line.endswith("run is gone")
    assert not (tmp_path / "run").exists()


def test_two_runs_of_one_folder_and_every_signal_keep_what_is_there(train, start, tmp_path):
    process = start(*LONG, "logger=none", "hydra.run.dir=run")
    wait_for(tmp_path / "run/last.ckpt")
    first = (tmp_path / "run/status.json").read_bytes(), (tmp_path / "run/.hydra/overrides.yaml").read_bytes()
    for arguments in (("hydra.run.dir=run",), ("resume=run",)):
        done = train(*(LONG if len(arguments) == 1 and "hydra" in arguments[0] else ()), *arguments)
        assert "another run is at work in" in error_of(done)
    assert first == ((tmp_path / "run/status.json").read_bytes(), (tmp_path / "run/.hydra/overrides.yaml").read_bytes())
    for number in (signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        os.kill(process.pid, number)
        process.join(60)
        assert process.exitcode == 128 + number
        assert json.loads((tmp_path / "run/status.json").read_text())["reason"] == f"stopped by {number.name}"
        assert picture(tmp_path / "run/partial.png").size[0] in (48, 64)
        kept = (tmp_path / "run/last.ckpt").stat().st_mtime_ns
        process = start("resume=run")
        deadline = time.monotonic() + 60
        while (tmp_path / "run/last.ckpt").stat().st_mtime_ns == kept:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    process.kill()
    process.join()
    done = train(*LONG, "hydra.run.dir=run")
    assert "holds a run already" in error_of(done)


def test_a_signal_of_the_launcher_is_passed_on_when_all_is_kept():
    seen = []
    before = signal.signal(signal.SIGUSR2, lambda number, frame: seen.append(number))
    try:
        with caught() as stop:
            os.kill(os.getpid(), signal.SIGUSR2)
            with pytest.raises(Interrupted):
                stop.check()
            assert seen == []
            stop.launcher()
        assert seen == [signal.SIGUSR2]
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1} <= set(CAUGHT)


@pytest.mark.slow
def test_too_little_memory_is_one_line(tmp_path):
    command = f"ulimit -v 5000000; exec {sys.executable} {ROOT / 'train.py'} size=6000 steps=1 pyramid=none threads=1"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        ["bash", "-c", f"{command} logger=none judge=none hydra.run.dir=run"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert re.match(r"error: out of memory; [\d.]+ GB more were requested; give tiles=512", errors[0])
    assert "Traceback" not in done.stderr
    assert status.read(tmp_path / "run")["state"] == "failed"


def test_a_folder_is_held_once(tmp_path):
    code = "from pathlib import Path\nfrom nst.experiment.status import locked\n"
    code += f"with locked(Path({str(tmp_path)!r})): pass"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    with locked(tmp_path):
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "another run is at work" in done.stderr
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
