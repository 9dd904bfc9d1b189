"""A job of a sweep in a process of its own: whatever becomes of it, the sweep goes on. Imports nothing heavy.

Every launcher calls `run` once per job. Alone, the job runs right here. In a sweep, a new process runs it and this one
waits: an error, `sys.exit`, a segmentation fault, SIGKILL or the kernel's out-of-memory killer end that process and no
other. A fork server imports torch once, so a job begins at once. On SLURM each job is a process of its own already.
"""

import logging
import multiprocessing
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log, setup_globals
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from nst.experiment import status
from nst.utils.process import cores, threads_per_job

log = logging.getLogger("nst")
Outcome = float | list[float]
FAILED = float("inf")
"""The objective of a job that failed: sweepers minimise, and not-a-number would end them."""
REQUEUED = -1
"""submitit's exit code of a job that SLURM preempted and will begin again."""
GRACE = 600
"""Seconds that a job which SLURM asked to end waits for its end: one that ends by itself is not begun again."""
STALE = ("events.out.tfevents.*", "metrics.csv", "partial.png", "metrics.json", "last.ckpt")
"""What an earlier try of a job left and a new one must not be mixed with."""


def run(cfg: DictConfig) -> Outcome:
    """Run one job and return what a sweeper minimises; a job of a sweep never raises for its own failure."""
    hydra = HydraConfig.get()
    if hydra.mode != RunMode.MULTIRUN:
        from nst.experiment.run import run as here

        return here(cfg)
    folder = Path(hydra.runtime.output_dir)
    before = status.read(folder)
    if before.get("state") == "finished" and before.get("overrides") == overrides():
        log.info("job %s is finished already; its picture is kept", hydra.job.num)
        return objective(cfg.objective, before)
    if (folder / "last.ckpt").is_file() and before.get("overrides") == overrides():
        cfg.resume = str(folder)
    else:
        for pattern in STALE:
            for file in folder.glob(pattern):
                file.unlink()
    if os.environ.get("SUBMITIT_EXECUTOR") == "slurm":
        return _on_slurm(cfg, folder)
    return _isolated(cfg, folder)


def overrides() -> list[str]:
    """Give what was typed for this job, less what is no choice of the picture."""
    typed = OmegaConf.to_container(HydraConfig.get().overrides.task)
    assert isinstance(typed, list)
    words = [re.sub(r"\$\\\{([^{}]*)\\\}", r"${\1}", str(word)) for word in typed]  # Hydra's escapes of `${...}`
    return [word for word in words if not word.startswith("search=")]


def threads() -> int:
    """Count the threads of this job: all cores alone, its launcher's share in a sweep."""
    return threads_per_job(launcher()) if HydraConfig.get().mode == RunMode.MULTIRUN else cores()


def has_terminal() -> bool:
    """Tell whether this job is the only one that draws on the terminal."""
    return HydraConfig.get().mode != RunMode.MULTIRUN or "basic_launcher" in launcher()["_target_"]


def launcher() -> dict[str, Any]:
    """Give Hydra's configuration of the launcher."""
    plain = OmegaConf.to_container(HydraConfig.get().launcher)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def objective(names: str | Sequence[str], fields: Mapping[str, Any]) -> Outcome:
    """Return the objective that a status holds; infinity for every one of a job that did not finish."""
    failed: Outcome = FAILED if isinstance(names, str) else [FAILED] * len(names)
    value = fields.get("objective")
    return value if fields.get("state") == "finished" and isinstance(value, float | int | list) else failed


def _isolated(cfg: DictConfig, folder: Path) -> Outcome:
    (folder / status.NAME).unlink(missing_ok=True)
    if "forkserver" in multiprocessing.get_all_start_methods():
        context: ForkServerContext | SpawnContext = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["nst.experiment.run"])
    else:
        context = multiprocessing.get_context("spawn")
    if (
        multiprocessing.get_start_method() not in multiprocessing.get_all_start_methods()
    ):  # joblib's own, told to children
        multiprocessing.set_start_method(context.get_start_method(), force=True)
    plain = OmegaConf.to_container(HydraConfig.instance().cfg)  # its classes can't be pickled twice  # type: ignore[arg-type]
    process = context.Process(target=_child, args=(cfg, plain), name="job")
    process.start()
    with _forwarding(process):
        process.join()
    return _outcome(cfg, folder, process.exitcode)


def _on_slurm(cfg: DictConfig, folder: Path) -> Outcome:
    """Run it here: the signals of SLURM and of submitit are for this process; but return, so that a word is left."""
    from nst.experiment.run import run as here

    try:
        here(cfg)
    except SystemExit as error:
        if error.code == REQUEUED:
            raise
        if error.code == 128 + signal.SIGTERM:
            time.sleep(GRACE)  # the last word is SLURM's: it kills a job, and begins one that it preempted again
        return _outcome(cfg, folder, error.code if isinstance(error.code, int) else 1)
    return _outcome(cfg, folder, 0)


def _outcome(cfg: DictConfig, folder: Path, code: int | None) -> Outcome:
    """Read what the job left, and say in its place what it had no time to say."""
    fields = status.read(folder)
    if fields.get("state") in (None, "running", "killed") and code is not None:
        state = "killed" if code < 0 else "failed"
        why = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended by itself with exit code {code}"
        why += "; was the memory too small?" if code == -signal.SIGKILL else ""
        status.write(folder, state, why, overrides=overrides())
        log.error("error: job %s: %s", HydraConfig.get().job.num, why)
        fields = status.read(folder)
    return objective(cfg.objective, fields)


def _child(cfg: DictConfig, plain: dict[str, Any]) -> None:
    """Be the job: as Hydra would have set it up here."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # the terminal's Ctrl-C reaches the sweep, which passes it on
    threading.Thread(target=_end_with_parent, daemon=True).start()
    setup_globals()
    schema = OmegaConf.structured(HydraConf, flags={"struct": False})
    hydra = OmegaConf.create({"hydra": OmegaConf.merge(schema, plain["hydra"])})
    HydraConfig.instance().set_config(hydra)
    configure_log(hydra.hydra.job_logging, hydra.hydra.verbose)
    from nst.experiment.run import run as here

    here(cfg)
    sys.stdout.flush()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _forwarding(process: BaseProcess) -> Iterator[None]:
    """Pass Ctrl-C and SIGTERM on to the job, wait for its end, and only then end the sweep."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stop:
        number = signal.SIGINT if isinstance(stop, KeyboardInterrupt) else signal.SIGTERM
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, number)
        process.join()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
