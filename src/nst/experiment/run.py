"""One job: build, run the stages, save, and leave a record whatever happens."""

import contextlib
import logging
import os
import signal
import warnings
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from lightning.pytorch import seed_everything
from omegaconf import DictConfig, OmegaConf

from nst import kernels
from nst.callbacks.stop_on_signal import Interrupted, StopOnSignal, caught
from nst.cli import command, report
from nst.config import instantiate
from nst.config.remake import remake
from nst.config.resume import CONFIG, resumed
from nst.experiment import status
from nst.experiment.lock import alone
from nst.experiment.record import NoRecord, Record
from nst.sweep import worker
from nst.utils.errors import one_line
from nst.utils.files import write
from nst.utils.process import has_nonzero_rank, launched_by_lightning, rank

log = logging.getLogger("nst")


def run(cfg: DictConfig) -> worker.Outcome:
    """Run one job in its own folder, in this process, and return what `objective=` names, for sweepers.

    Raises:
        SystemExit: A signal stopped the run (128 + its number), or an error (1), recorded in `status.json`.
    """
    quiet()
    folder = Path(HydraConfig.get().runtime.output_dir)
    if has_nonzero_rank(worker.overrides()):  # the first process keeps the folder
        log.setLevel(logging.ERROR)  # what is worth a word the first process says
        return _recorded(cfg, folder, NoRecord)
    try:
        with alone(folder):
            before = status.read(folder)
            if cfg.resume is not None and before.get("state") == "finished":
                print(f"{short(folder)} is finished already; its picture is kept")  # not into its log
                return worker.objective(cfg.objective, before)
            return _recorded(resumed(cfg, folder), folder, Record)
    except Exception as error:
        raise _ended(error) from None


def _recorded(cfg: DictConfig, folder: Path, kind: type[Record]) -> worker.Outcome:
    typed, choices = worker.overrides(), dict(HydraConfig.get().runtime.choices)
    record = kind(folder, about={"overrides": typed, "command": command(typed), "choices": choices})
    try:
        with caught() as stop:
            objective = _run(cfg, record, stop)
    except (Interrupted, KeyboardInterrupt, SystemExit) as error:
        if type(error) is SystemExit and not stop.received:
            raise
        outcome = Interrupted(
            stop.received or (signal.SIGINT if isinstance(error, KeyboardInterrupt) else signal.SIGTERM)
        )
        record.status("interrupted", str(outcome))
        log.info("%s; the picture so far is in %s; to go on: resume=%s", outcome, short(folder), short(folder))
        if stop.launcher is not None:
            stop.launcher()
        raise SystemExit(outcome.exit_code) from None
    except Exception as error:
        with contextlib.suppress(OSError):  # where the disk is full or the folder gone, the error itself says so
            record.status("failed", one_line(error))
        if not record.leads:
            log.error("error: process %d: %s", rank(), one_line(error))
            raise SystemExit(not launched_by_lightning()) from None  # it would kill the first at once, without a word
        raise _ended(error) from None
    if record.leads:
        record.status("finished", objective=objective)
        for name in record.temporary:
            (folder / name).unlink(missing_ok=True)
        log.info("picture: %s", short(folder / "final.png"))
    return objective


def _ended(error: Exception) -> SystemExit:
    """Tell an error, and give the exit that it ends in."""
    hydra = HydraConfig.get()
    if hydra.mode != RunMode.MULTIRUN:
        return SystemExit(report(error))
    log.error("error: job %s: %s", hydra.job.num, one_line(error))
    return SystemExit(1)


def _run(cfg: DictConfig, record: Record, stop: StopOnSignal) -> worker.Outcome:
    cfg, made_by = remake(cfg)
    instantiate.settle(cfg)
    plain: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    instantiate.check(plain)
    if record.leads and not plain["resume"]:
        write(record.folder / CONFIG, OmegaConf.to_yaml(cfg, resolve=True).encode())
    seed_everything(cfg.seed, workers=True, verbose=False)
    torch.set_num_threads(plain["threads"] or worker.threads())
    job = instantiate.build(cfg.job)
    with kernels.keep_memory(plain["keep_memory"]):
        outcome: worker.Outcome = job(cfg, plain, record, stop, made_by)
    return outcome


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
    warnings.filterwarnings("ignore", message=r".*`srun` command is available.*")
    warnings.filterwarnings("ignore", message=r".*lr_scheduler\.step\(\).*before.*optimizer\.step.*")
    os.environ.setdefault("POSSIBLE_USER_WARNINGS", "off")
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)
