"""The levels of an image job, one `Trainer.fit` each, from the begin or from where the run was."""

import contextlib
import logging
from dataclasses import dataclass
from typing import Any

from lightning.pytorch import Callback
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig

from nst.callbacks import Checkpoint, Progress
from nst.callbacks.stop_on_signal import StopOnSignal
from nst.callbacks.timelapse import TimeLapse
from nst.config import instantiate
from nst.experiment.scene import Scene
from nst.methods import ImageModule, Stage
from nst.sweep import worker

log = logging.getLogger("nst")


@dataclass(frozen=True)
class Painted:
    """What the levels gave.

    Attributes:
        module: The last level.
        levels: Each level's picture and steps.
        device: On which they were painted: `cpu`, `cuda` or `mps`.
    """

    module: ImageModule
    levels: list[dict[str, Any]]
    device: str


@dataclass(frozen=True)
class Watchers:
    """The callbacks that live as long as the run.

    Attributes:
        stop: Ends it at a signal; None in a process that ends with the first.
        checkpoint: Keeps its state; None for not at all.
        lapse: Keeps how the picture came to be; None for not at all.
    """

    stop: StopOnSignal | None
    checkpoint: Checkpoint | None
    lapse: TimeLapse | None

    def lasting(self) -> dict[str, Any]:
        """Give the states that go on from level to level."""
        return {self.lapse.state_key: self.lapse.state_dict()} if self.lapse else {}

    def restore(self, states: dict[str, Any]) -> None:
        """Set them."""
        if self.lapse and self.lapse.state_key in states:
            self.lapse.load_state_dict(states[self.lapse.state_key])

    def callbacks(self, stage: Stage[ImageModule]) -> list[Callback]:
        """List them, and the progress bar where this job has the terminal."""
        bar = [Progress(stage.name)] if self.stop and worker.has_terminal() else []
        return [one for one in (self.checkpoint, self.stop, self.lapse, *bar) if one is not None]


def watchers(cfg: DictConfig, scene: Scene, stop: StopOnSignal) -> Watchers:
    """Build the callbacks of a run; of several processes the first has them, and none keeps a checkpoint."""
    if not scene.leads:
        return Watchers(None, None, None)
    shared = "strategy" in cfg.trainer
    own = {"path": scene.state.path, "facts": scene.facts, "spent": scene.state.facts["seconds"]}
    checkpoint = instantiate.partial(cfg.checkpoint)(**own) if cfg.checkpoint and not shared else None
    return Watchers(stop, checkpoint, instantiate.build(cfg.timelapse) if cfg.timelapse else None)


def paint(cfg: DictConfig, scene: Scene, loggers: list[Logger], watching: Watchers) -> Painted:
    """Run every level that is not done, and save its picture; a picture that is cut short becomes `partial.png`."""
    module: ImageModule | None = None
    device = scene.facts["device"]
    first = max(1, scene.state.level)
    levels: list[dict[str, Any]] = scene.state.facts.get("levels", [])[: first - 1]
    if scene.state.level:
        log.info("goes on after step %d (level %d)", scene.state.facts["step"], first)
    try:
        for stage in scene.method.stages(scene.pictures, first=first):
            module = stage.module
            if watching.stop:
                watching.stop.check()
            if scene.state.over and stage.number == first:
                module.load_finished_state(scene.state.kept)
                watching.restore(scene.state.callbacks)
            elif stage.steps:
                device = _fit(cfg, scene, stage, loggers, watching)
            name = f"level_{stage.number}_{module.size[1]}x{module.size[0]}.png"
            scene.save(module.image(), name)
            levels.append({"picture": name, "steps": stage.steps})
            _keep(module, levels, watching)
    except BaseException:
        if module is not None and module.image().isfinite().all():  # under a name that nobody takes for a finished one
            with contextlib.suppress(OSError):  # a full disk: the error that led here is what to tell
                scene.save(module.image(), "partial.png")
        raise
    assert module is not None  # a pyramid has a level
    return Painted(module, levels, device)


def _keep(module: ImageModule, levels: list[dict[str, Any]], watching: Watchers) -> None:
    """Write what a finished level leaves, where it is due or a signal ends the run here."""
    if watching.checkpoint:
        watching.checkpoint.level, watching.checkpoint.levels = len(levels), list(levels)
        step = module.first_step + module.steps
        always = watching.stop is not None and watching.stop.received is not None
        watching.checkpoint.end_level(step, module.finished_state(), watching.lasting(), always=always)


def _fit(cfg: DictConfig, scene: Scene, stage: Stage[ImageModule], loggers: list[Logger], watching: Watchers) -> str:
    """Run one level, and return the kind of device that it ran on."""
    if watching.checkpoint:
        watching.checkpoint.level = stage.number
    trainer = instantiate.trainer(cfg, scene.folder, loggers, watching.callbacks(stage), stage.steps)
    goes_on = stage.number == scene.state.level and not scene.state.over
    trainer.fit(stage.module, stage.data, ckpt_path=str(scene.state.path) if goes_on else None, weights_only=True)
    stage.module.trainer = None  # it holds what the picture does not need any more
    return trainer.strategy.root_device.type
