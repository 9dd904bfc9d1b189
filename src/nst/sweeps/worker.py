"""One job, as a launcher calls it: a single run here, a job of a sweep in a process of its own. Imports nothing heavy.

In a sweep a new process runs the job and this one waits: an error, `sys.exit`, a segmentation fault, SIGKILL or the
kernel's out-of-memory killer end that process and no other. On Linux a fork server imports torch once, so a job starts
at once. On SLURM each job is a process of its own already.
"""

import _thread
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log
from omegaconf import DictConfig, OmegaConf

from nst.config import compose, legacy, recipes
from nst.config.invocation import Invocation, Outcome
from nst.experiment import status
from nst.sweeps import launch, manifest
from nst.utils.errors import one_line, report
from nst.utils.process import jobs_at_once, start_method
from nst.utils.terminal import steady

log = logging.getLogger("nst")
REQUEUED = -1
"""submitit's exit code of a job that SLURM preempted and will start again."""
GRACE = 600
"""Seconds that a job which SLURM asked to end waits for its end: one that ends by itself is not started again."""


def run(config: DictConfig) -> Outcome:
    """Run one job and return what a sweeper minimises; a job of a sweep never raises for its own failure."""
    os.chdir(HydraConfig.get().runtime.cwd)  # hydra.job.chdir=true: what was typed is relative to the folder of before
    invocation = Invocation.current()
    if not invocation.in_sweep:
        from nst.experiment.run import run as run_here

        try:
            config, invocation = recipes.settle(config, invocation)
            job = compose.plain(config)
        except Exception as error:  # Hydra would print more than one line
            raise SystemExit(report(error)) from None
        return run_here(job, invocation)
    folder = invocation.folder
    before = status.read(folder)
    same = legacy.recorded(before) == invocation.overrides
    if same and before.get("state") == "finished":
        log.info("job %s is finished already; its picture is kept", invocation.number)
        return status.outcome(config.minimize, before)
    if before and not same and before.get("state") in ("running", "finished"):
        return _collided(config, invocation)
    sweep = Path(HydraConfig.get().sweep.dir)
    fields = manifest.read(sweep)
    invocation = invocation.in_sweep_of(sweep, fields.get("swept") or [], fields.get("first") or {})
    try:
        config, invocation = recipes.settle(config, invocation)
        job = compose.plain(config)
        if same and (folder / "last.ckpt").is_file():
            job["resume"] = str(folder)
        else:
            status.remove_stale(folder)  # Windows keeps what another program has open
    except Exception as error:
        return _failed(config, invocation, "failed", one_line(error))
    run_it = _run_on_slurm if os.environ.get("SUBMITIT_EXECUTOR") == "slurm" else _run_isolated
    return run_it(config, job, invocation)


def _run_isolated(config: DictConfig, job: dict[str, Any], invocation: Invocation) -> Outcome:
    """Run the job in a new process, and wait for it."""
    if job["resume"] is None:
        (invocation.folder / status.NAME).unlink(missing_ok=True)
    else:  # the job reads there what it was started with
        before = status.read(invocation.folder)
        status.write(invocation.folder, "running", overrides=invocation.overrides, choices=before.get("choices"))
    context: Any = multiprocessing.get_context(start_method())
    if context.get_start_method() == "forkserver":
        context.set_forkserver_preload(["nst.experiment.run"])
    if multiprocessing.get_start_method() not in multiprocessing.get_all_start_methods():  # joblib's own
        multiprocessing.set_start_method(context.get_start_method(), force=True)
    hydra = HydraConfig.get()
    logging_options = OmegaConf.to_container(hydra.job_logging, resolve=True)
    verbose = OmegaConf.to_container(OmegaConf.create({"verbose": hydra.verbose}))["verbose"]  # type: ignore[index,call-overload]
    orders, ours = context.Pipe(duplex=False)
    arguments = job, invocation, logging_options, verbose, orders
    process = context.Process(target=_child, args=arguments, name="job")
    process.start()
    orders.close()
    with ours, _forwarding(process, ours):
        process.join()
    return _outcome(config, invocation, process.exitcode)


def _run_on_slurm(config: DictConfig, job: dict[str, Any], invocation: Invocation) -> Outcome:
    """Run the job here, because SLURM's and submitit's signals are for this process; but return."""
    from nst.experiment.run import run as run_here

    try:
        run_here(job, invocation)
    except SystemExit as error:
        if error.code == REQUEUED:
            raise
        if error.code == 128 + signal.SIGTERM:
            time.sleep(GRACE)  # the last word is SLURM's: it kills a job, and starts one that it preempted again
        return _outcome(config, invocation, error.code if isinstance(error.code, int) else 1)
    return _outcome(config, invocation, 0)


def _outcome(config: DictConfig, invocation: Invocation, code: int | None) -> Outcome:
    """Read the job's outcome, and write the status that it had no time to write."""
    fields = status.read(invocation.folder)
    if fields.get("state") not in (None, "running", "killed") or code is None:
        return status.outcome(config.minimize, fields)
    if code >= 0:
        return _failed(config, invocation, "failed", f"ended by itself with exit code {code}")
    hint = "; was the memory too small?" if -code == getattr(signal, "SIGKILL", None) else ""
    return _failed(config, invocation, "killed", f"killed by {signal.Signals(-code).name}{hint}")


def _collided(config: DictConfig, invocation: Invocation) -> Outcome:
    """Tell that another job of the sweep has the folder of this one; its picture is kept."""
    line = (
        f"job {invocation.number} not run: {invocation.folder} is another job's folder; give a hydra.sweep.subdir= "
        "that differs from job to job, such as '${hydra.job.num}'"
    )
    log.error("error: %s", line)
    launch.collisions.append(line)
    return status.outcome(config.minimize, {})


def _failed(config: DictConfig, invocation: Invocation, state: str, why: str) -> Outcome:
    status.write(invocation.folder, state, why, overrides=invocation.overrides)
    log.error("error: job %s: %s", invocation.number, why)
    return status.outcome(config.minimize, {"state": state})


def _child(
    job: dict[str, Any],
    invocation: Invocation,
    logging_options: Mapping[str, Any],
    verbose: Any,
    orders: Connection,
) -> None:
    """Be the process of a job."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # the terminal's Ctrl-C reaches the sweep, which passes it on
    threading.Thread(target=obey, args=(orders,), daemon=True).start()
    from nst.experiment.run import run as run_here
    from nst.utils import devices

    if jobs_at_once(invocation.launcher) > 1 and job["trainer"].get("devices", 1) == 1:
        devices.take_own_gpu(invocation.number or 0)

    with steady():
        configure_log(OmegaConf.create(dict(logging_options)), verbose)
        run_here(job, invocation)


def obey(orders: Connection) -> None:
    """Be stopped, as by a signal, by the starting process, its word or its end: Windows has no signals between them."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel, orders])
    try:
        number = signal.Signals(orders.recv()) if orders.poll() else signal.SIGTERM
    except EOFError:
        number = signal.SIGTERM
    if signal.getsignal(number) in (signal.SIG_DFL, None):  # not at work yet: there is nothing to save
        os.kill(os.getpid(), number)
    else:
        _thread.interrupt_main(number)


@contextmanager
def _forwarding(process: BaseProcess, orders: Connection) -> Iterator[None]:
    """Pass Ctrl-C and SIGTERM on to the job, wait for its end, and only then end the sweep."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.getsignal(signal.SIGTERM)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stop:
        number = signal.SIGINT if isinstance(stop, KeyboardInterrupt) else signal.SIGTERM
        with suppress(OSError):  # the job has ended
            orders.send(int(number))
        process.join()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
