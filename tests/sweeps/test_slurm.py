"""A sweep on SLURM, played by shell scripts: one job is lost, and nothing keeps accounts."""

import json
import os
import subprocess
import sys

import pytest
from conftest import QUICK, ROOT

pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
from nst.sweeps.slurm import Controller, has_accounting

SBATCH = """#!/bin/sh
export SLURM_ARRAY_JOB_ID=12 SLURM_NTASKS=1 SLURM_JOB_NUM_NODES=1 SLURM_NODEID=0 SLURM_PROCID=0 SLURM_LOCALID=0
for task in 0 2; do
    SLURM_JOB_ID=$((13 + task)) SLURM_ARRAY_TASK_ID=$task SLURM_JOB_NODELIST=here setsid sh "$1" >/dev/null 2>&1 &
done
echo "Submitted batch job 12"
"""
SRUN = """#!/bin/sh
while [ "${1#*bin/python}" = "$1" ]; do shift; done
exec "$@"
"""
SCONTROL = """#!/bin/sh
case "$2" in
config) echo "AccountingStorageType   = accounting_storage/none" ;;
job) for task in 0 2; do echo "JobId=$((13 + task)) ArrayJobId=12 ArrayTaskId=$task JobState=RUNNING"; done ;;
esac
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Put SLURM's commands on the path; task 1 of every array is lost."""
    folder = tmp_path / "commands"
    folder.mkdir()
    for name, text in {"sbatch": SBATCH, "srun": SRUN, "scontrol": SCONTROL}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.slow
def test_a_lost_job_fails_and_the_others_go_on(slurm, tmp_path):
    words = ("-m", *QUICK, "hydra/launcher=submitit_slurm", "seed=1,2,3", "hydra.sweep.dir=sweep", "timelapse=none")
    command = [sys.executable, str(ROOT / "train.py"), *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=500)
    assert done.returncode == 1, done.stderr
    found = [json.loads((tmp_path / f"sweep/{task}/status.json").read_text()) for task in range(3)]
    assert [fields["state"] for fields in found] == ["finished", "failed", "finished"]
    assert found[1]["reason"].startswith("lost before it started")
    assert "sweep: 2 finished, 1 failed" in done.stdout
    assert "Traceback" not in done.stderr


def test_what_the_controller_has_forgotten_is_over():
    watcher = Controller()
    for job in ("12_0", "12_1", "12_2", "12_9", "7", "8"):
        watcher._registered.add(job)
    running = "JobId=13 ArrayJobId=12 ArrayTaskId=0 JobState=RUNNING NodeList=a1\nJobId=7 JobState=COMPLETED NodeList=b"
    states = {job: found["State"] for job, found in watcher.read_info(running).items()}
    assert states == {"12_0": "RUNNING", "7": "COMPLETED"} | dict.fromkeys(("12_1", "12_2", "12_9", "8"), "FORGOTTEN")
    waiting = watcher.read_info(f"{running}\nJobId=12 ArrayJobId=12 ArrayTaskId=2-9 JobState=PENDING")
    assert not {"12_1", "12_2", "12_9"} & set(waiting)  # a range of tasks is still to start


def test_accounting_is_asked_for(slurm, monkeypatch):
    assert not has_accounting()
    monkeypatch.setenv("PATH", "")
    assert has_accounting()
