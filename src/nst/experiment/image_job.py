"""An image job: load the pictures, paint the levels, save, judge and leave the figures."""

from math import nan
from typing import Any

from omegaconf import DictConfig

from nst.callbacks.checkpoint import NAME
from nst.callbacks.stop_on_signal import StopOnSignal
from nst.config import instantiate
from nst.experiment import finish, levels, loggers, provenance
from nst.experiment.record import Record
from nst.experiment.scene import gather
from nst.metrics.judge import objective as chosen
from nst.sweep import worker


def paint(
    cfg: DictConfig, plain: dict[str, Any], record: Record, stop: StopOnSignal, made_by: provenance.Recipe | None
) -> worker.Outcome:
    """Paint one picture and return what `objective=` names.

    Args:
        cfg: The configuration, checked.
        plain: The same as a plain dictionary, resolved.
        record: Of the run's folder.
        stop: Ends the job at a signal.
        made_by: The recipe that the configuration came from, or None.
    """
    record.temporary = [NAME, "partial.png"]
    scene = gather(cfg, plain, record)
    since = {"since": scene.state.facts["saved"], "step": scene.state.facts["step"]}
    logs = loggers.loggers(cfg, record.folder, **since) if record.leads else []
    judge = instantiate.judge(cfg)
    watching = levels.watchers(cfg, scene, stop)
    painted = levels.paint(cfg, scene, logs, watching)
    if not record.leads:
        return nan
    written = finish.written_recipe(plain, scene, painted)
    scene.save(painted.module.image(), "final.png", written.text())
    finish.compare(made_by, written, record)
    if watching.lapse:
        watching.lapse.save(record.folder)
    found = finish.figures(scene, painted, judge, record)
    finish.tell(logs, found, record)
    return chosen(cfg.objective, {**found["judged"], "loss": found["loss"], "seconds": record.seconds()})
