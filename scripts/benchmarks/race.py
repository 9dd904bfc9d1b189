"""Time to a picture: seconds until a way of optimising reaches what a plain loop reaches in 500 steps of Adam.

The plain loop's seconds are 500 times the median of its first steps; the other steps, which only find the aim, are
taken by our faster convolutions, the same function but for rounding.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import skimage.data
import torch
from lightning.pytorch import Callback, Trainer
from omegaconf import DictConfig

import nst
from nst import build, heap, images
from nst.methods import Painting
from nst.methods.image import ImageMethod
from nst.objective import Objective, Target
from nst.pictures import StylePicture
from nst.pyramid import Level

ADAM = ("optimizer=adam", "scheduler=cosine", "steps=40")
PIXELS = ("method.space=image",)
WAYS: dict[str, tuple[tuple[str, ...], int]] = {
    "pyramid + L-BFGS on bands (the default)": ((), 60),
    "L-BFGS on bands, full size": (("pyramid=none",), 60),
    "pyramid + L-BFGS on pixels": (PIXELS, 60),
    "L-BFGS on pixels, full size": ((*PIXELS, "pyramid=none"), 60),
    "pyramid + Adam on pixels, cosine": ((*PIXELS, *ADAM), 160),
    "Adam on pixels, cosine, full size": ((*PIXELS, *ADAM, "pyramid=none"), 160),
}
"""Name -> what is typed, and the steps of the last level, where the aim is not reached before."""

STYLE = "swirling_night.jpg"
TIMED = 12  # plain steps that are timed
PATIENCE = 0.5  # share of the plain seconds after which a way is given up


class Goal(Callback):
    """Stops the clock at the first step of full size whose picture is as good as the aim.

    Args:
        aim: The loss to reach.
        edge: Full size.
        judge: The picture's loss, in full precision, the same for all.
        patience: Seconds after which it is given up.
    """

    def __init__(self, aim: float, edge: int, judge: Callable[[torch.Tensor], float], *, patience: float) -> None:
        self.aim, self.edge, self.judge, self.patience = aim, edge, judge, patience
        self.began, self.idle, self.reached, self.loss = time.perf_counter(), 0.0, None, float("inf")

    def on_train_batch_end(self, trainer: Trainer, module: Painting, *args: object) -> None:
        """Look, off the clock."""
        now = time.perf_counter()
        if self.reached is None and max(module.size) == self.edge:
            self.loss = self.judge(module.image().detach())
            if self.loss <= self.aim:
                self.reached = now - self.began - self.idle
            if self.reached is not None or now - self.began - self.idle > self.patience:
                trainer.should_stop = True
        self.idle += time.perf_counter() - now


def plain(
    objective: Objective, faster: Objective, content: torch.Tensor, style: torch.Tensor, steps: int
) -> tuple[float, torch.Tensor]:
    """Take plain steps of Adam; return the seconds and the picture."""
    references = objective.references(content, [Target(style)])
    image = content.clone().requires_grad_()
    optimizer = torch.optim.Adam([image], lr=0.02)
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
    painting = images.load(Path(nst.__file__).parent / "assets/styles" / STYLE).rgb
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
    slow = configure("backbone.memory=contiguous", "backbone.convolution=direct") if trained else cfg
    objective, faster = build.objective(slow), build.objective(cfg)
    content, style = images.reduced(photo, edge), images.reduced(painting, edge)
    references = objective.references(content, [Target(style)])

    @torch.no_grad()
    def judge(image: torch.Tensor) -> float:
        return float(faster.total(faster(image, references)))

    seconds, picture = plain(objective, faster, content, style, options.plain_steps)
    aim = judge(picture)
    name = f"{cfg.backbone.get('model', 'wavelet')} {edge} px"
    print(f"{name}: {options.plain_steps} plain steps of Adam: {seconds:.1f} s, loss {aim:.5f}", flush=True)
    rows: list[dict[str, object]] = [{"network": name, "way": "plain", "seconds": seconds, "loss": aim, "share": 1.0}]
    for way, (words, most) in WAYS.items():
        long = configure(*words)
        goal = Goal(aim, edge, judge, patience=PATIENCE * seconds)
        method: ImageMethod = build.method(long, objective=build.objective(long))
        method.levels = [*method.levels[:-1], Level(edge, most)]
        for stage in method.stages(content, [StylePicture("style", style)]):
            trainer = build.trainer(long, options.out, [], [goal], stage.steps)
            with heap.kept(long.keep_memory):
                trainer.fit(stage.module, stage.data)
        share = None if goal.reached is None else goal.reached / seconds
        told = (
            f"{goal.reached:.1f} s, {share:.2f} of it" if goal.reached is not None else f"not reached: {goal.loss:.5f}"
        )
        print(f"  {way}: {told}", flush=True)
        rows.append({"network": name, "way": way, "seconds": goal.reached, "loss": goal.loss, "share": share})
    return rows
