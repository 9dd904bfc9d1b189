"""These tests run in a process with a pretend GPU: `python tests/pretend_gpu -m pytest tests/pretend_gpu`."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, cache_in
from hydra.core.global_hydra import GlobalHydra

collect_ignore_glob = [] if "pretend_gpu.device" in sys.modules else ["test_*.py"]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Run `python train.py WORDS` (or another script) to its end, in this process; return its folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NST_CACHE", str(cache_in(tmp_path)))
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")

    def run(*words: str, folder: str | None = "run", script: str = "train.py", code: int = 0) -> Path:
        GlobalHydra.instance().clear()
        here = ["threads=1"] if script == "train.py" else []
        here += [f"hydra.run.dir={folder}"] if folder and here else []
        here += ["logger=none"] if here and not any(word.startswith("logger=") for word in words) else []
        monkeypatch.setattr(sys, "argv", [str(ROOT / script), *words, *here])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(ROOT / script), run_name="__main__")
        assert (ended.value.code or 0) == code, words
        return tmp_path / (folder or "run")

    return run
