"""Time to a picture: seconds until a way of optimising reaches what a plain loop reaches in 500 steps of Adam."""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import skimage.data
import torch
from lightning.pytorch import Callback, Trainer
from omegaconf import DictConfig

import nst
from nst import build, images
from nst.methods import Painting
from nst.methods.image import ImageMethod
from nst.objective import Objective, Target
from nst.pictures import StylePicture
from nst.pyramid import Level

WAYS = {
    "pyramid + L-BFGS (the default)": (),
    "L-BFGS, full size": ("pyramid=none",),
    "pyramid + Adam, cosine": ("optimizer=adam", "scheduler=cosine"),
    "Adam, cosine, full size": ("optimizer=adam", "scheduler=cosine", "pyramid=none"),
}

STYLE = "swirling_night.jpg"
MOST = 300  # steps of the last level, where the aim is not reached before


class Goal(Callback):
    """Stops the clock at the first step of full size whose picture is as good as the aim.

    Args:
        aim: The loss to reach.
        edge: Full size.
        judge: The picture's loss, in full precision, the same for all.
    """

    def __init__(self, aim: float, edge: int, judge: Callable[[torch.Tensor], float]) -> None:
        self.aim, self.edge, self.judge = aim, edge, judge
        self.began, self.idle, self.reached, self.loss = time.perf_counter(), 0.0, None, float("inf")

    def on_train_batch_end(self, trainer: Trainer, module: Painting, *args: object) -> None:
        """Look, off the clock."""
        now = time.perf_counter()
        if self.reached is None and max(images.size_of(module.pixels)) == self.edge:
            self.loss = self.judge(module.image().detach())
            if self.loss <= self.aim:
                self.reached = now - self.began - self.idle
                trainer.should_stop = True
        self.idle += time.perf_counter() - now


def plain(objective: Objective, content: torch.Tensor, style: torch.Tensor, steps: int) -> tuple[float, torch.Tensor]:
    """Take plain steps of Adam; return the seconds and the picture."""
    began = time.perf_counter()
    references = objective.references(content, [Target(style)])
    image = content.clone().requires_grad_()
    optimizer = torch.optim.Adam([image], lr=0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        objective.total(objective(image, references)).backward()
        optimizer.step()
        with torch.no_grad():
            image.clamp_(0, 1)
    return time.perf_counter() - began, image.detach()


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
    edge = int(cfg.size)
    objective = build.objective(cfg)
    if hasattr(objective.backbone, "order"):
        objective.backbone.order = torch.contiguous_format
        objective.backbone.network.to(memory_format=torch.contiguous_format)
    content, style = images.reduced(photo, edge), images.reduced(painting, edge)
    references = objective.references(content, [Target(style)])

    @torch.no_grad()
    def judge(image: torch.Tensor) -> float:
        return float(objective.total(objective(image, references)))

    seconds, picture = plain(objective, content, style, options.plain_steps)
    aim = judge(picture)
    name = f"{cfg.backbone.get('model', 'wavelet')} {edge} px"
    print(f"{name}: {options.plain_steps} plain steps of Adam: {seconds:.1f} s, loss {aim:.5f}", flush=True)
    rows: list[dict[str, object]] = [{"network": name, "way": "plain", "seconds": seconds, "loss": aim, "share": 1.0}]
    for way, words in WAYS.items():
        long = configure(*words, *(("steps=40",) if "optimizer=adam" in words else ()))
        goal = Goal(aim, edge, judge)
        method: ImageMethod = build.method(long, objective=build.objective(long))
        method.levels = [*method.levels[:-1], Level(edge, MOST)]
        for stage in method.stages(content, [StylePicture("style", style)]):
            trainer = build.trainer(long, options.out, [], [goal], stage.steps)
            trainer.fit(stage.module, stage.data)
        share = None if goal.reached is None else goal.reached / seconds
        told = (
            f"{goal.reached:.1f} s, {share:.2f} of it" if goal.reached is not None else f"not reached: {goal.loss:.5f}"
        )
        print(f"  {way}: {told}", flush=True)
        rows.append({"network": name, "way": way, "seconds": goal.reached, "loss": goal.loss, "share": share})
    return rows
