"""Two processes paint the picture that one paints: real ones, that talk by gloo."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from conftest import ROOT, cache_in, picture
from torch.nn.parallel import DistributedDataParallel

from nst import losses
from nst.backbones import Input, Wavelet
from nst.objective import Objective, Target
from nst.utils.distributed import SINGLE_PROCESS, Ranks

RELATIVE = {"reduction": "relative", "layer_reduction": "mean"}


def noise(seed: int) -> torch.Tensor:
    return torch.rand(1, 3, 64, 48, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Loss(torch.nn.Module):
    """A picture and its loss, whole or a process's tiles of it."""

    def __init__(self, cut: str | int, ranks: Ranks) -> None:
        super().__init__()
        input, layers = Input(mean=[0.5] * 3, std=[1.0] * 3), {"s0": 1.0, "y1": 1.0}
        bank = {
            "orientations": 4,
            "size": 7,
            "sigma": 1.25,
            "frequency": 2.4,
            "slant": 0.6,
            "chroma": 1.5,
            "lowpass": 0.3,
        }
        terms = {
            "content": losses.Content(layers={"s0": 1.0}, weight=0.1, **RELATIVE),
            "style": losses.MeanCovariance(layers=layers, weight=1.0),
            "tv": losses.TotalVariation(layers={"image": 1.0}, weight=0.1, form="absolute_sum"),
        }
        backbone = Wavelet(layers=list(layers), input=input, **bank)
        self.objective = Objective(backbone=backbone, terms=terms, cut=cut).double()
        self.ranks = ranks
        self.pixels = torch.nn.Parameter(noise(0))
        self.references = self.objective.references(noise(1), [Target(noise(2))], ranks)

    def forward(self) -> torch.Tensor:
        return self.objective.total(self.objective(self.pixels, self.references, self.ranks))


def optimise(module: torch.nn.Module) -> list[float]:
    """Five iterations with a line search: every process must take the same number of evaluations."""
    optimizer = torch.optim.LBFGS(module.parameters(), max_iter=5, line_search_fn="strong_wolfe")
    seen = []

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = module()
        loss.backward()
        seen.append(loss.item())
        return loss

    optimizer.step(closure)
    return seen


def work(rank: int, folder: str, cut: str | int) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    torch.set_num_threads(1)
    module = Loss(cut, Ranks(rank, 2))
    seen = optimise(DistributedDataParallel(module))
    torch.save((module.pixels.data, seen), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize("cut", [16, "auto", "none"])
def test_two_processes_take_the_steps_of_one(tmp_path, cut) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nst.experiment.run", "hydra"])
    processes = [context.Process(target=work, args=(rank, str(tmp_path), cut)) for rank in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    alone = Loss("none", SINGLE_PROCESS)
    expected = optimise(alone)
    (one, seen), (other, also) = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    assert seen == also  # bit for bit, or line searches part
    assert torch.equal(one, other)
    assert seen == pytest.approx(expected, rel=1e-9)
    torch.testing.assert_close(one, alone.pixels.data, rtol=0, atol=1e-8)  # five steps multiply float64 rounding


def test_every_tile_belongs_to_one_process() -> None:
    shares = [Ranks(rank, 3).own(range(10)) for rank in range(3)]
    assert sorted(tile for share in shares for tile in share) == list(range(10))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def run(folder: Path, *words: str, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NST_CACHE": str(cache_in(folder))}
    quick = ["size=64", "steps=3", "logger=none", "trainer.accelerator=cpu", "judge=none", "timelapse=none"]
    quick.append("trainer.precision=32-true")  # what is added in another order differs by rounding alone
    command = [sys.executable, *before, str(ROOT / "train.py"), *quick, *words]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


# few iterations: on bands each line search magnifies what rounding left by the one before, at single pixels
LBFGS = ("optimizer=lbfgs", "scheduler=constant", "pyramid=none", "steps=1")


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [("optimizer=adam",), LBFGS], ids=len)
@pytest.mark.parametrize("before", [(), ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")], ids=len)
def test_the_program_paints_with_two_processes(tmp_path, before, optimizer) -> None:
    out = {}
    for name, words in (("one", ["trainer=cpu"]), ("two", ["trainer=ddp", "trainer.devices=2"])):
        process = run(tmp_path, *words, *optimizer, f"hydra.run.dir={name}", before=before if name == "two" else ())
        text, _ = process.communicate(timeout=200)
        assert process.returncode == 0, text
        assert "error" not in text.lower()
        assert text.count("picture: ") == 1
        out[name] = np.asarray(picture(tmp_path / name / "final.png")).astype(int)
    difference = abs(out["one"] - out["two"])
    assert np.median(difference) <= 1  # rounding of float32, then to 8 bits
    assert difference.max() <= (1 if optimizer is not LBFGS else 25)
    assert {p.name for p in tmp_path.iterdir()} - {"cache"} == {"one", "two"}  # the helper left nothing


@pytest.mark.slow
def test_a_picture_of_two_processes_is_reproduced_by_two(tmp_path) -> None:
    """No word of the command says that there are two; inside SLURM's shell its rank says that there is one."""
    text, _ = run(tmp_path, "trainer=ddp", "trainer.devices=2", "hydra.run.dir=first").communicate(timeout=200)
    command = [sys.executable, str(ROOT / "train.py"), "reproduce=first/final.png", "hydra.run.dir=again"]
    inside_slurm = {"SLURM_PROCID": "0", "SLURM_NTASKS": "1", "SLURM_JOB_NAME": "bash"}
    environment = {**os.environ, **inside_slurm, "OMP_NUM_THREADS": "1", "NST_CACHE": str(cache_in(tmp_path))}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every pixel is reproduced" in done.stdout


def helpers_of(process: subprocess.Popen[str]) -> list[int]:
    return [int(number) for number in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def wait_until_gone(numbers: list[int]) -> None:
    until = time.monotonic() + 30
    while any(Path(f"/proc/{number}").exists() for number in numbers):
        assert time.monotonic() < until, f"{numbers} are still there"
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_both_processes(tmp_path, number) -> None:
    process = run(tmp_path, "trainer=ddp", "trainer.devices=2", "steps=100000", "hydra.run.dir=run")
    while not (tmp_path / "run/status.json").exists():
        time.sleep(0.1)
    time.sleep(12)  # both are at work
    helpers = helpers_of(process)
    assert helpers
    process.send_signal(number)
    text, _ = process.communicate(timeout=150)
    assert process.returncode == 128 + number, text
    assert (tmp_path / "run/partial.png").exists()
    assert "several processes keep no state of it" in text and "resume=" not in text
    wait_until_gone(helpers)


BOMB = """
import os
from lightning.pytorch import Callback

class Bomb(Callback):
    def on_train_batch_start(self, trainer, module, *args):
        if trainer.global_step == 2 and os.environ.get("LOCAL_RANK") == "1":
            raise ValueError("the bomb went off")
"""


@pytest.mark.slow
def test_a_process_that_fails_says_why_and_ends_the_other(tmp_path, monkeypatch) -> None:
    (tmp_path / "bomb.py").write_text(BOMB)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT / 'src'}")
    words = ("trainer=ddp", "trainer.devices=2", "steps=100000", "hydra.run.dir=run")
    process = run(tmp_path, *words, "+callbacks.bomb._target_=bomb.Bomb")
    text, _ = process.communicate(timeout=100)
    assert process.returncode != 0
    assert "error: process 1: the bomb went off" in text
    assert '"state": "failed"' in (tmp_path / "run/status.json").read_text()
