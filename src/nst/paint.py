"""An image job: load the pictures, paint the levels, save, judge and leave the figures."""

from math import nan
from typing import Any

from omegaconf import DictConfig

from nst import build, finish, jobs, levels, logs, recipe
from nst.callbacks.checkpoint import NAME
from nst.judge import objective as chosen
from nst.record import Record
from nst.scene import gather
from nst.signals import StopOnSignal


def paint(
    cfg: DictConfig, plain: dict[str, Any], record: Record, stop: StopOnSignal, made_by: recipe.Recipe | None
) -> jobs.Outcome:
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
    loggers = logs.loggers(cfg, record.folder, **since) if record.leads else []
    judge = build.judge(cfg)
    watching = levels.watchers(cfg, scene, stop)
    painted = levels.paint(cfg, scene, loggers, watching)
    if not record.leads:
        return nan
    written = finish.written_recipe(plain, scene, painted)
    scene.save(painted.module.image(), "final.png", written.text())
    finish.compare(made_by, written, record)
    if watching.lapse:
        watching.lapse.save(record.folder)
    found = finish.figures(scene, painted, judge, record)
    finish.tell(loggers, found, record)
    return chosen(cfg.objective, {**found["judged"], "loss": found["loss"], "seconds": record.seconds()})
