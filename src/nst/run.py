"""One job: build, run the stages, save, and leave a record whatever happens."""

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
from lightning.pytorch.utilities.exceptions import SIGTERMException
from omegaconf import DictConfig, OmegaConf

from nst import build, jobs
from nst.cli import command, one_line, report
from nst.files import write
from nst.ranks import follows, launched_by_lightning, rank
from nst.record import NoRecord, Record
from nst.remake import remake
from nst.signals import Interrupted, StopOnSignal, caught

log = logging.getLogger("nst")


def run(cfg: DictConfig) -> jobs.Outcome:
    """Run one job in its own folder, in this process, and return what `objective=` names, for sweepers.

    Raises:
        SystemExit: A signal stopped the run (128 + its number), or an error (1), recorded in `status.json`.
    """
    quiet()
    hydra = HydraConfig.get()
    typed = jobs.overrides()
    kind = NoRecord if follows(typed) else Record
    record = kind(Path(hydra.runtime.output_dir), about={"overrides": typed, "command": command(typed)})
    if not record.leads:
        log.setLevel(logging.ERROR)  # what is worth a word the first process says
    try:
        with caught() as stop:
            objective = _run(cfg, record, stop)
    except (Interrupted, KeyboardInterrupt, SIGTERMException) as error:
        number = {KeyboardInterrupt: signal.SIGINT, SIGTERMException: signal.SIGTERM}.get(type(error), stop.received)
        outcome = Interrupted(number or signal.SIGTERM)
        record.status("interrupted", str(outcome))
        log.info("%s; the picture so far is in %s", outcome, short(record.folder))
        raise SystemExit(outcome.exit_code) from None
    except Exception as error:
        record.status("failed", one_line(error))
        if not record.leads:
            log.error("error: process %d: %s", rank(), one_line(error))
            raise SystemExit(not launched_by_lightning()) from None  # it would kill the first at once, without a word
        if hydra.mode != RunMode.MULTIRUN:
            raise SystemExit(report(error)) from None
        log.error("error: job %s: %s", hydra.job.num, one_line(error))
        raise SystemExit(1) from None
    if not record.leads:
        return objective
    record.status("finished", objective=objective)
    log.info("picture: %s", short(record.folder / "final.png"))
    return objective


def _run(cfg: DictConfig, record: Record, stop: StopOnSignal) -> jobs.Outcome:
    cfg, made_by = remake(cfg)
    build.settle(cfg)
    plain: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    build.check(plain)
    if record.leads:
        write(record.folder / "config.yaml", OmegaConf.to_yaml(cfg, resolve=True).encode())
    seed_everything(cfg.seed, workers=True, verbose=False)
    torch.set_num_threads(plain["threads"] or jobs.threads())
    job = build.build(cfg.job)
    outcome: jobs.Outcome = job(cfg, plain, record, stop, made_by)
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
