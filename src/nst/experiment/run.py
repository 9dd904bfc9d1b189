"""One job in its own folder: restore, check and build it, run it, and leave a record whatever happens."""

import contextlib
import logging
import os
import signal
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import seed_everything

from nst import kernels
from nst.callbacks.stop_on_signal import Interrupted, StopOnSignal, caught
from nst.config import compose, instantiate, restore, validate
from nst.config.invocation import Invocation, Outcome, command
from nst.config.job import Choices, FilmJob, ImageJob
from nst.experiment import film_job, helpers, image_job, network_job, provenance, status
from nst.experiment.provenance import Provenance
from nst.experiment.record import NoRecord, Record
from nst.utils import devices
from nst.utils.errors import one_line, report
from nst.utils.files import user_path, write
from nst.utils.process import has_nonzero_rank, launched_by_lightning, rank

log = logging.getLogger("nst")
KEPT = (image_job.FINAL, image_job.PARTIAL, "last.ckpt", network_job.FILE, film_job.KEPT)
"""Files of a run that a new one in the same folder must not replace."""


def run(config: Mapping[str, Any], invocation: Invocation) -> Outcome:
    """Run one job in its own folder, in this process, and return what `minimize=` names, for sweepers.

    Args:
        config: Composed, resolved and plain.
        invocation: How the job was asked for.

    Raises:
        SystemExit: A signal stopped the run (128 + its number), or an error (1), recorded in `status.json`.
    """
    quiet()
    folder = invocation.folder
    words = [*invocation.overrides, *sys.argv[1:]]  # only the latter have what Lightning adds for Hydra
    if has_nonzero_rank(words):  # of several processes the first keeps the folder
        log.setLevel(logging.ERROR)  # and says what is to be said
        if launched_by_lightning():
            helpers.end_with_parent()
        return _recorded(config, invocation, NoRecord, digest=None)
    try:
        with status.locked(folder):
            before, digest = status.read(folder), None
            if config["resume"] is None:
                if not invocation.in_sweep:
                    refuse_used(folder, before)
            elif before.get("state") == "finished":
                print(f"{short(folder)} is finished already; its picture is kept")  # not into its log
                return status.outcome(config["minimize"], before)
            else:
                config, invocation, digest = restore.resumed(config, invocation, before)
            return _recorded(config, invocation, Record, digest)
    except Exception as error:
        raise _ended(error, invocation) from None


def refuse_used(folder: Path, before: Mapping[str, Any]) -> None:
    """Refuse a folder whose run has left something that a new one would overwrite."""
    if not before and (foreign := status.foreign(folder)):
        raise ValueError(f"{folder} holds {foreign}, which a run would replace; give another hydra.run.dir=")
    left = [name for name in KEPT if (folder / name).is_file()]
    if not left:
        return
    state = before.get("state", "of another kind")
    again = "" if state == "finished" else f", or resume={folder} to go on with it"
    raise ValueError(f"{folder} holds a run already ({state}, {left[0]}); give another hydra.run.dir={again}")


def _recorded(config: Mapping[str, Any], invocation: Invocation, kind: type[Record], digest: str | None) -> Outcome:
    typed = invocation.overrides
    about = {"overrides": typed, "command": command(typed), "choices": invocation.choices}
    with caught() as stop:
        return _told(config, invocation, digest, kind(invocation.folder, about=about), stop)


def _told(
    config: Mapping[str, Any], invocation: Invocation, digest: str | None, record: Record, stop: StopOnSignal
) -> Outcome:
    """Run the job, and record and tell how it ended."""
    try:
        outcome = _run(config, invocation, digest, record, stop)
    except (Interrupted, KeyboardInterrupt, SystemExit) as error:
        if type(error) is SystemExit and not stop.received:
            raise
        raise _interrupted(error, stop, record, several="strategy" in config["trainer"]) from None
    except Exception as error:
        with contextlib.suppress(OSError):  # where the disk is full or the folder gone, the error itself says so
            record.status("failed", one_line(error))
        if not record.leads:
            log.error("error: process %d: %s", rank(), one_line(error))
            raise SystemExit(not launched_by_lightning()) from None  # it would kill the first at once, without a word
        raise _ended(error, invocation) from None
    if record.leads:
        record.status("finished", objective=outcome)
        for name in record.temporary:
            (record.folder / name).unlink(missing_ok=True)
        log.info("%s: %s", Path(record.result).stem.replace("final", "picture"), short(record.folder / record.result))
    return outcome


def _run(
    config: Mapping[str, Any], invocation: Invocation, digest: str | None, record: Record, stop: StopOnSignal
) -> Outcome:
    asked: Provenance | None = None
    if config["reproduce"] is not None:
        asked = provenance.read(user_path(config["reproduce"]))
        config = restore.reproduced(config, invocation, asked.config, threads=asked.threads, command=asked.command)
        invocation = invocation.with_choices(asked.choices)
    config = instantiate.settled(config)
    validate.check(config, invocation)
    if record.leads and not config["resume"]:
        write(record.folder / restore.FILE, compose.to_yaml(config).encode())
    seed_everything(config["seed"], workers=True, verbose=False)
    torch.set_num_threads(config["threads"] or invocation.threads())
    on_cpu = devices.device_type(str(config["trainer"]["accelerator"])) == "cpu"
    with kernels.use(config["kernels"], warns=on_cpu), kernels.keep_memory(config["keep_memory"]):
        job = instantiate.job(compose.node(config), invocation, Choices.of(config, digest))
        if isinstance(job, FilmJob):
            return film_job.run(job, record, stop)
        if isinstance(job, ImageJob):
            return image_job.run(job, record, stop, asked)
        return network_job.run(job, record, stop)


def _interrupted(error: BaseException, stop: StopOnSignal, record: Record, *, several: bool) -> SystemExit:
    """Record and tell that a signal ended the run, and return the exit that it ends in."""
    number = stop.received or (signal.SIGINT if isinstance(error, KeyboardInterrupt) else signal.SIGTERM)
    outcome = Interrupted(number)
    record.status("interrupted", str(outcome))
    advice = status.how_to_go_on(Path(short(record.folder)), several=several)
    log.info("%s; what there is so far is in %s; %s", outcome, short(record.folder), advice)
    if stop.launcher is not None:
        stop.launcher()
    return SystemExit(outcome.exit_code)


def _ended(error: Exception, invocation: Invocation) -> SystemExit:
    """Tell an error, and return the exit that it ends in."""
    if not invocation.in_sweep:
        return SystemExit(report(error))
    log.error("error: job %s: %s", invocation.number, one_line(error))
    return SystemExit(1)


def short(path: Path) -> str:
    """Give a path as a person would type it: relative where it lies below the current folder."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def quiet() -> None:
    """Take out messages of the framework that tell a user nothing, and the doubling of its lines under Hydra."""
    warnings.filterwarnings(
        "ignore", message=r".*LeafSpec.*", category=FutureWarning
    )  # Lightning 2.6 with torch >= 2.10
    warnings.filterwarnings("ignore", message=r".*in eval mode at the start of training.*")  # the backbone, on purpose
    warnings.filterwarnings(
        "ignore", message=r".*smaller than the logging interval.*"
    )  # a short level: its end is recorded
    warnings.filterwarnings("ignore", message=r".*`broadcast_buffers` is deprecated.*")  # torch < 2.12 knows no other
    warnings.filterwarnings("ignore", message=r".*GPU available but not used.*")  # trainer=cpu says so
    warnings.filterwarnings("ignore", message=r".*`srun` command is available.*")
    warnings.filterwarnings("ignore", message=r".*lr_scheduler\.step\(\).*before.*optimizer\.step.*")
    warnings.filterwarnings("ignore", message=r".*callbacks used to create the checkpoint.*")  # those of version 0.1
    os.environ.setdefault("POSSIBLE_USER_WARNINGS", "off")
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)
