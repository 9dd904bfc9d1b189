"""Measure Lightning's overhead: seconds per evaluation of the loss against a bare loop of the same computation.

python scripts/overhead.py                        # the default run's finest level, 512 px
python scripts/overhead.py backbone=squeezenet backbone.checkpoint=random size=256

The two take turns in one process, so that other processes on the machine slow both alike. The result is the median over
the turns of Lightning's seconds divided by the bare loop's. Loggers and progress bar are those of a run.
"""

import statistics
import tempfile
import time
from pathlib import Path

import nst  # noqa: F401 - before torch: it says how threads wait

# isort: split
import hydra
import torch
from lightning.pytorch import Callback
from omegaconf import DictConfig

from nst import trackers
from nst.callbacks import Progress
from nst.callbacks.stop_on_signal import StopOnSignal
from nst.config import compose, instantiate
from nst.config.invocation import Invocation
from nst.data.inputs import load
from nst.data.library import ImageSource, find
from nst.experiment.run import quiet
from nst.methods import ImageModule, Stage
from nst.methods.pyramid import Level

TURNS = 5
STEPS = 6


def bare(stage: Stage) -> float:
    """Run the steps of a stage in a bare loop and return the seconds per evaluation."""
    module: ImageModule = stage.module
    module.take_references()
    optimizer = module.configure_optimizers()["optimizer"]

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = module.objective.total(module.objective(module.image(), module.references))
        loss.backward()
        return loss

    count, start = Count(module), time.perf_counter()
    for _ in range(stage.steps):
        optimizer.step(closure)
    return (time.perf_counter() - start) / count.evaluations


def lightning(cfg: DictConfig, stage: Stage, folder: Path, pictures: list[ImageSource]) -> float:
    """Run them with `Trainer.fit`, as a run does, and return the seconds per evaluation, without the set-up."""
    callbacks = [StopOnSignal(), Progress(stage.name)]
    told = instantiate.loggers(cfg, Invocation.current(), content=pictures[0], styles=pictures[1:])
    logs = trackers.open_loggers(told.factories, told.run(folder, None))
    trainer = instantiate.trainer(cfg, folder, stage.steps, logs, callbacks)
    clock = Clock()
    trainer.callbacks.append(clock)
    trainer.fit(stage.module, stage.data)
    return clock.seconds / clock.count.evaluations


class Count:
    """Counts the evaluations of a module's objective, since a line search takes any number per step."""

    def __init__(self, module: ImageModule) -> None:
        self.evaluations = 0
        module.objective.register_forward_hook(self._one_more)

    def _one_more(self, *_: object) -> None:
        self.evaluations += 1


class Clock(Callback):
    """Measures the time from the first step to the last."""

    def on_train_epoch_start(self, trainer: object, module: ImageModule) -> None:
        """Start the clock."""
        self.count, self.start = Count(module), time.perf_counter()

    def on_train_end(self, *_: object) -> None:
        """Stop the clock."""
        self.seconds = time.perf_counter() - self.start


@hydra.main(version_base="1.3", config_path="../conf", config_name="train")
def main(cfg: DictConfig) -> None:
    """Print one line for each turn, and the median."""
    quiet()
    plain = instantiate.settled(compose.plain(cfg))
    cfg = compose.node(plain)
    download = instantiate.build(cfg.download)
    pictures = [ImageSource(**plain["content"], name="content"), *instantiate.styles(plain["style"])]
    paths = [find(picture, download).path for picture in pictures]
    loaded = load(pictures, paths, color=instantiate.build(cfg.color), max_megapixels=cfg.max_megapixels)
    method = instantiate.method(cfg, objective=instantiate.objective(cfg))
    method.levels = [Level(method.levels[-1].edge, STEPS)]
    ratios = []
    for turn in range(1, TURNS + 1):
        one, two = (next(iter(method.stages(loaded))) for _ in range(2))
        with tempfile.TemporaryDirectory() as folder:
            plainly, framed = bare(one), lightning(cfg, two, Path(folder), pictures)
        ratios.append(framed / plainly)
        print(f"turn {turn}: bare {plainly:.4f} s, Lightning {framed:.4f} s an evaluation, ratio {ratios[-1]:.3f}")
    print(f"median ratio {statistics.median(ratios):.3f} at {cfg.size} px, {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
