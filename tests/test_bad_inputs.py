"""Whatever is given, a user gets one line, an exit code, and no picture that could be taken for a good one."""

import os
import runpy
import sys
import warnings

import bad_files
import pytest
import torch
from bad_options import OPTIONS
from bad_places import PLACES, RESUMES, SWEEPS
from conftest import ROOT, cache_in
from hydra.core.global_hydra import GlobalHydra

TINY = (
    "backbone=wavelet",
    "size=64",
    "steps=1",
    "pyramid=none",
    "threads=1",
    "logger=none",
    "judge=none",
    "timelapse=none",
)
TINY += ("trainer.accelerator=cpu", "download.hosts=[]", "hydra.run.dir=run")


@pytest.fixture
def refused(tmp_path, monkeypatch, capfd, photo):
    """Run `python train.py ARGUMENTS` in this process, and return the one line that it leaves."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NST_CACHE", str(cache_in(tmp_path)))
    for name in ("HYDRA_FULL_ERROR", "NST_REPORT"):  # `launch` sets them: this takes them back
        monkeypatch.setenv(name, "1")
        monkeypatch.delenv(name)

    def run(*arguments: str) -> str:
        GlobalHydra.instance().clear()
        monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
        capfd.readouterr()
        final = tmp_path / "run/final.png"
        before = final.read_bytes() if final.exists() else None
        threads = torch.get_num_threads()
        with warnings.catch_warnings(), pytest.raises(SystemExit) as ended:
            warnings.simplefilter("ignore")
            runpy.run_path(str(ROOT / "train.py"), run_name="__main__")
        torch.set_num_threads(threads)
        for name in ("HYDRA_FULL_ERROR", "NST_REPORT"):
            os.environ.pop(name, None)
        out, err = capfd.readouterr()
        lines = [line for line in err.splitlines() if line.strip()]
        assert len(lines) == 1, err or out
        assert lines[0].startswith("error: ")
        assert ended.value.code in (1, 2)
        assert len(lines[0]) < 600
        assert (final.read_bytes() if final.exists() else None) == before
        assert not (tmp_path / "owned").exists()
        return lines[0]

    return run


def one_of(parts: str, line: str) -> None:
    if os.environ.get("NST_SHOW"):
        print(line)
    assert any(part in line for part in parts.split("|")), line


@pytest.mark.parametrize(("number", "name"), list(enumerate(bad_files.PICTURES)))
def test_pictures(refused, tmp_path, name, number):
    data, line = bad_files.PICTURES[name]
    (tmp_path / name).write_bytes(data)
    use = "content.path" if name == "thin.png" else ("content.path", "style.path", "content.mask")[number % 3]
    one_of(line, refused(*TINY, f"{use}={name}"))


@pytest.mark.parametrize("name", bad_files.CHECKPOINTS)
def test_checkpoints(refused, tmp_path, name):
    data, line = bad_files.CHECKPOINTS[name]
    (tmp_path / name).write_bytes(data)
    one_of(line, refused(*TINY, "backbone=squeezenet", f"backbone.checkpoint={name}"))


@pytest.mark.parametrize("name", bad_files.RECIPES)
def test_recipes(refused, tmp_path, name):
    data, line = bad_files.RECIPES[name]
    (tmp_path / name).write_bytes(data)
    one_of(line, refused(f"reproduce={name}", "hydra.run.dir=run"))


@pytest.mark.parametrize("options", OPTIONS)
def test_options(refused, options):
    typed = [word for word in TINY if not word.startswith(options.split("=")[0] + "=")]
    one_of(OPTIONS[options], refused(*typed, *options.split()))


@pytest.mark.parametrize("name", PLACES)
def test_places(refused, tmp_path, name):
    make, arguments, line = PLACES[name]
    make(tmp_path)
    typed = [
        word for word in TINY if not any(one.startswith("hydra.run.dir") for one in arguments) or "dir" not in word
    ]
    one_of(line, refused(*typed, *arguments))


@pytest.mark.parametrize("name", RESUMES)
def test_resume_files(refused, tmp_path, name):
    make, arguments, line = RESUMES[name]
    make(tmp_path / "run")
    before = {file: file.read_bytes() for file in (tmp_path / "run").rglob("*.ckpt") if file.is_file()}
    one_of(line, refused("resume=run", *arguments))
    assert all(file.read_bytes() == data for file, data in before.items())


@pytest.mark.parametrize("name", SWEEPS)
def test_sweeps(refused, tmp_path, name):
    make, arguments, line = SWEEPS[name]
    make(tmp_path)
    one_of(line, refused("-m", *TINY[:-1], *arguments))
