"""A job's share of the cores."""

import pytest

from nst.utils import threads


@pytest.fixture(autouse=True)
def eight(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 8)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)


@pytest.mark.parametrize(
    ("launcher", "share"),
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
def test_the_jobs_at_once_share_the_cores(launcher, share):
    assert threads.share(launcher) == share


def test_slurm_says_how_many(monkeypatch):
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "3")
    assert threads.share({"cpus_per_task": 8}) == 3
