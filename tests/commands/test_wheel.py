"""The wheel is the whole program: installed alone, far from the checkout, it does what the checkout does."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, cache_in, picture

TINY = ("backbone=wavelet", "size=48", "steps=2", "logger=none", "trainer.accelerator=cpu", "threads=1")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment with the wheel, and the dependencies of this one."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    return folder / "bin"


def test_the_wheel_holds_every_file_of_the_package(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    here = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*") if path.is_file()}
    assert {name for name in here if "__pycache__" not in name} <= inside
    assert not any(name.startswith(("tests/", "conf/")) for name in inside)


@pytest.mark.slow
def test_it_runs_where_there_is_no_checkout(environment, tmp_path, photo):
    away = tmp_path / "away"
    away.mkdir()
    photo.rename(away / "me.png")
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    clean |= {"PATH": f"{environment}:/usr/bin:/bin", "NST_CACHE": str(cache_in(tmp_path)), "OMP_NUM_THREADS": "1"}

    def run(*command: str, **more: str) -> str:
        done = subprocess.run(command, cwd=away, env=clean | more, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    words = ["content.path=me.png", "style=mosaic", *TINY]
    where = run("python", "-c", "import nst; print(nst.__file__)").strip()
    assert Path(where).is_relative_to(environment.parent)
    run("nst", *words, "hydra.run.dir=installed")
    run("python", "-m", "nst", *words, "hydra.run.dir=module")
    run("python", str(ROOT / "train.py"), *words, "hydra.run.dir=checkout", PYTHONPATH=str(ROOT / "src"))
    call = (
        "nst.paint('me.png', style='mosaic', backbone='wavelet', size=48, steps=2, logger='none', "
        "trainer={'accelerator': 'cpu'}, threads=1, folder='called')"
    )
    assert run("python", "-c", f"import nst; print({call}.path)").strip().endswith("called/final.png")
    runs = ("installed", "module", "checkout", "called")
    bytes_of = {name: (away / name / "final.png").read_bytes() for name in runs}
    assert len(set(bytes_of.values())) == 1
    assert (away / "installed/train.log").is_file()
    out = run("nst", "-m", *words, "weights.style=0.3,1", "hydra.sweep.dir=sweep")
    assert "gallery: sweep/gallery.html" in out
    assert all((away / "sweep" / name).exists() for name in ("0", "1", "gallery.html", "gallery.png", "gallery.csv"))
    assert run("nst", "gallery", "sweep").strip() == "sweep/gallery.html"
    network = ("method=feedforward", "steps=1", "training.batch=1", "training.crop=32", "training.preview_size=32",
               "method.network.widths=[4,4,4,4]", "method.network.blocks=1", "method.style_size=32")  # fmt: skip
    run("nst", *network, "logger=none", "trainer.accelerator=cpu", "threads=1", "hydra.run.dir=network")
    run("nst", "stylize", "checkpoint=network/network.ckpt", "content=me.png", "output=out.png", "threads=1")
    assert picture(away / "out.png").size == (96, 64)
    assert "mosaic" in run("nst", "library", "--movement", "homage")
