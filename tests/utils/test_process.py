"""The rank of a process, and the threads of a job."""

import pytest

from nst.utils import process


@pytest.fixture(autouse=True)
def eight(monkeypatch):
    monkeypatch.setattr(process, "cores", lambda: 8)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)


@pytest.mark.parametrize(
    ("launcher", "threads"),
    [
        ({}, 8),
        ({"n_jobs": 1}, 8),
        ({"n_jobs": 2}, 4),
        ({"n_jobs": 3}, 2),
        ({"n_jobs": 100}, 1),
        ({"n_jobs": -1}, 1),
        ({"n_jobs": -2}, 1),
        ({"cpus_per_task": 4}, 4),
        ({"cpus_per_task": 99}, 8),
        ({"cpus_per_task": None}, 8),
        ({"ray": {"remote": {"num_cpus": 2}}}, 2),
        ({"ray": {"remote": {}}}, 8),
    ],
)
def test_the_jobs_at_once_share_the_cores(launcher, threads):
    assert process.threads_per_job(launcher) == threads


def test_slurm_says_how_many(monkeypatch):
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "3")
    assert process.threads_per_job({"cpus_per_task": 8}) == 3


def test_a_process_knows_its_number_and_who_started_it() -> None:
    assert process.rank({}) == 0
    assert process.rank({"SLURM_PROCID": "3"}) == 3
    assert process.launched_by_lightning({"LOCAL_RANK": "1"})
    assert not process.launched_by_lightning({"LOCAL_RANK": "1", "RANK": "1"})
    assert not process.launched_by_lightning({"SLURM_PROCID": "3"})
    inside_srun = {"SLURM_PROCID": "0", "LOCAL_RANK": "1"}  # `srun --pty bash`, where Lightning starts the others
    assert process.rank(inside_srun) == 1
    assert process.launched_by_lightning(inside_srun)
    assert process.has_nonzero_rank(["trainer=ddp"], {"RANK": "1"})
    assert not process.has_nonzero_rank(["trainer=ddp"], {"RANK": "0"})
    assert not process.has_nonzero_rank(["trainer=cpu"], {"RANK": "1"})
    assert process.has_nonzero_rank(["reproduce=a.png", "hydra.job.name=train_ddp_process_1"], {"LOCAL_RANK": "1"})


def test_a_helper_leaves_no_folder() -> None:
    words = ["size=9", "hydra.run.dir=x", "hydra.job.name=y", "hydra.output_subdir=null"]
    assert process.without_output(words) == [
        "size=9",
        "hydra.run.dir=.",
        "hydra.output_subdir=null",
        "hydra/job_logging=stdout",
    ]
