"""The programs, the losses and a step's costs on a pretend GPU, in a process of its own; see `pretend_gpu.device`."""

import os
import shutil
import subprocess
import sys

import pytest
import torch
from conftest import ROOT

pytestmark = [
    pytest.mark.skipif(torch.cuda.is_available(), reason="a real GPU is here: run the tests marked gpu on it"),
    pytest.mark.skipif(not shutil.which(os.environ.get("CC", "cc")) or sys.platform != "linux", reason="needs cc"),
    pytest.mark.skipif(torch.version.cuda is None, reason="needs a build of torch for CUDA"),
]


def passes(kind: str, marked: str) -> None:
    """Run the tests in tests/pretend_gpu on a GPU of a kind."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    environment |= {"OMP_NUM_THREADS": "1", "KIND": kind}
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", marked, "tests/pretend_gpu")
    command = [sys.executable, str(ROOT / "tests/pretend_gpu"), *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("marked", ["not slow", pytest.param("slow", marks=pytest.mark.slow)])
def test_a_gpu_does_what_the_processor_does(marked: str) -> None:
    passes("cuda", marked)
