"""The programs, the losses and a step's costs on a pretend GPU, in a process of its own; see `pretend_gpu.device`."""

import os
import shutil
import subprocess
import sys

import pytest
import torch
from conftest import ROOT


@pytest.mark.skipif(torch.cuda.is_available(), reason="a real GPU is here: run the tests marked gpu on it")
@pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which(os.environ.get("CC", "cc")), reason="needs Linux and cc"
)
@pytest.mark.skipif(torch.version.cuda is None, reason="needs a build of torch for CUDA")
@pytest.mark.parametrize("marked", ["not slow", pytest.param("slow", marks=pytest.mark.slow)])
def test_what_the_processor_does_a_gpu_does(marked):
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", marked, "tests/pretend_gpu")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    environment["OMP_NUM_THREADS"] = "1"
    command = [sys.executable, str(ROOT / "tests/pretend_gpu"), *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
