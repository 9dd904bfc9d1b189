"""Time to a picture: seconds until a way of optimising reaches what a plain loop reaches in 500 steps of Adam.

There is an aim for each rate of the plain loop's Adam: the field's programs differ in it, and what they reach does.
The plain loop's seconds are 500 times the median of its first steps; the other steps, which only find the aim, are
taken by our faster convolutions, the same function but for rounding.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import skimage.data
import torch
from lightning.pytorch import Callback, Trainer
from omegaconf import DictConfig

import nst
from nst import kernels
from nst.config import instantiate
from nst.data import image_io
from nst.data.image_io import DecodedImage
from nst.data.inputs import Inputs, StylePicture
from nst.methods import ImageModule
from nst.methods.image import ImageMethod
from nst.methods.pyramid import Level
from nst.objective import Objective, Target

PIXELS = ("method.space=image",)
SLOW = ("optimizer.lr=0.03", "optimizer.betas=[0.9,0.99]")
LBFGS = ("optimizer=lbfgs", "scheduler=constant", "steps=8")
WAYS: dict[str, tuple[tuple[str, ...], int]] = {
    "pyramid+adam+bands": ((), 120),
    "adam+bands": (("pyramid=none",), 160),
    "pyramid+adam+pixels": (PIXELS, 120),
    "adam+pixels": ((*PIXELS, "pyramid=none"), 160),
    "pyramid+slow adam+pixels": ((*PIXELS, *SLOW), 160),
    "pyramid+lbfgs+bands": (LBFGS, 60),
    "lbfgs+bands": ((*LBFGS, "pyramid=none"), 60),
    "lbfgs+pixels": ((*LBFGS, *PIXELS, "pyramid=none"), 60),
}
"""Name -> what is typed, and the most steps of the last level; the first is the default."""

STYLE = "swirling_night.jpg"
TIMED = 12  # plain steps that are timed


class Goal(Callback):
    """Notes, for every aim, the seconds of the first step of full size whose picture is as good.

    Args:
        aims: Losses to reach.
        edge: Full size.
        judge: The picture's loss, in full precision, the same for all.
        patience: Seconds after which what is left is given up.
    """

    def __init__(
        self, aims: Sequence[float], edge: int, judge: Callable[[torch.Tensor], float], *, patience: float
    ) -> None:
        self.edge, self.judge, self.patience = edge, judge, patience
        self.began, self.idle, self.loss = time.perf_counter(), 0.0, float("inf")
        self.reached: dict[float, float | None] = dict.fromkeys(aims)

    def on_train_batch_end(self, trainer: Trainer, module: ImageModule, *args: object) -> None:
        """Look, off the clock."""
        now = time.perf_counter()
        if max(module.size) == self.edge:
            self.loss = self.judge(module.image().detach())
            for aim, seconds in self.reached.items():
                if seconds is None and self.loss <= aim:
                    self.reached[aim] = now - self.began - self.idle
            if None not in self.reached.values() or now - self.began - self.idle > self.patience:
                trainer.should_stop = True
        self.idle += time.perf_counter() - now


def plain(
    objective: Objective, faster: Objective, content: torch.Tensor, style: torch.Tensor, *, rate: float, steps: int
) -> tuple[float, torch.Tensor]:
    """Take plain steps of Adam at a constant rate; return the seconds and the picture."""
    references = objective.references(content, [Target(style)])
    image = content.clone().requires_grad_()
    optimizer = torch.optim.Adam([image], lr=rate)
    seconds = []
    for step in range(steps):
        began = time.perf_counter()
        optimizer.zero_grad()
        one = objective if step < TIMED else faster
        one.total(one(image, references)).backward()
        optimizer.step()
        with torch.no_grad():
            image.clamp_(0, 1)
        seconds.append(time.perf_counter() - began)
    return steps * statistics.median(seconds[1:TIMED]), image.detach()


def run(options: argparse.Namespace, configure: Callable[..., DictConfig]) -> None:
    """Print a line for each way, and write `time_to_picture.json`."""
    photo = torch.as_tensor(skimage.data.coffee()).permute(2, 0, 1)[None].float() / 255
    painting = image_io.load(Path(nst.__file__).parent / "assets/styles" / STYLE).rgb
    rows: list[dict[str, object]] = []
    for backbone in options.backbones:
        weights = () if backbone == "wavelet" else (f"backbone.checkpoint={options.checkpoint}",)
        for size in options.sizes:
            rows += _race(
                options,
                lambda *more, b=backbone, w=weights, s=size: configure(b, *w, f"size={s}", *more),
                photo,
                painting,
            )
            (options.out / "time_to_picture.json").write_text(json.dumps(rows, indent=2) + "\n")


def _race(
    options: argparse.Namespace, configure: Callable[..., DictConfig], photo: torch.Tensor, painting: torch.Tensor
) -> list[dict[str, object]]:
    cfg = configure()
    edge, trained = int(cfg.size), "model" in cfg.backbone
    with kernels.use("off" if trained else "auto"):
        objective = instantiate.objective(cfg)
    faster = instantiate.objective(cfg)
    content, style = image_io.reduced(photo, edge), image_io.reduced(painting, edge)
    references = objective.references(content, [Target(style)])

    @torch.no_grad()
    def judge(image: torch.Tensor) -> float:
        return float(faster.total(faster(image, references)))

    name = f"{cfg.backbone.get('model', 'wavelet')} {edge} px"
    rows: list[dict[str, object]] = []
    plains: dict[float, tuple[float, float]] = {}  # rate -> seconds, loss
    for rate in options.rates:
        seconds, picture = plain(objective, faster, content, style, rate=rate, steps=options.plain_steps)
        plains[rate] = seconds, (aim := judge(picture))
        print(
            f"{name}: {options.plain_steps} plain steps of Adam({rate:g}): {seconds:.1f} s, loss {aim:.5f}", flush=True
        )
        rows.append({"network": name, "way": "plain", "rate": rate, "seconds": seconds, "loss": aim, "share": 1.0})
    patience = options.patience * max(seconds for seconds, _ in plains.values())
    for way in options.ways:
        words, most = WAYS[way]
        long = configure(*words)
        goal = Goal([aim for _, aim in plains.values()], edge, judge, patience=patience)
        method: ImageMethod = instantiate.method(long, objective=instantiate.objective(long))
        method.levels = [*method.levels[:-1], Level(edge, most)]
        for stage in method.stages(Inputs(DecodedImage(content), content, [StylePicture("style", style)])):
            trainer = instantiate.trainer(long, options.out, stage.steps, [], [goal])
            with kernels.keep_memory(long.keep_memory):
                trainer.fit(stage.module, stage.data)
        for rate, (seconds, aim) in plains.items():
            taken = goal.reached[aim]
            share = None if taken is None else taken / seconds
            told = f"not reached: {goal.loss:.5f}" if taken is None else f"{taken:.1f} s, {share:.2f} of it"
            print(f"  {way}, against {rate:g}: {told}", flush=True)
            rows.append(
                {"network": name, "way": way, "rate": rate, "seconds": taken, "loss": goal.loss, "share": share}
            )
    return rows
