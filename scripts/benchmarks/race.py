"""Time to a picture: seconds until a way of optimising reaches what a plain loop reaches.

There is an aim for 500 steps of Adam at each rate, because the field's programs differ in it, and one for evaluations
of L-BFGS where they are asked for. The plain loop's seconds are so many times the median of its first steps. All that
is timed comes first; the other plain steps, which only find the aim, are taken by our faster convolutions, the same
function but for rounding, and another program may compute beside them.
"""

import argparse
import functools
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


class Trajectory(Callback):
    """Notes after every step of full size the seconds so far and the picture's loss.

    Args:
        edge: Full size.
        judge: The picture's loss, in full precision, the same for all.
        patience: Seconds after which what is left is given up.
    """

    def __init__(self, edge: int, judge: Callable[[torch.Tensor], float], *, patience: float) -> None:
        self.edge, self.judge, self.patience = edge, judge, patience
        self.began, self.idle = time.perf_counter(), 0.0
        self.steps: list[tuple[float, float]] = []  # seconds, loss

    def on_train_batch_end(self, trainer: Trainer, module: ImageModule, *args: object) -> None:
        """Look, off the clock."""
        now = time.perf_counter()
        seconds = now - self.began - self.idle
        if max(module.size) == self.edge:
            self.steps.append((seconds, self.judge(module.image().detach())))
        trainer.should_stop |= seconds > self.patience
        self.idle += time.perf_counter() - now

    def reached(self, aim: float) -> float | None:
        """Return the seconds of the first picture that is as good."""
        return next((seconds for seconds, loss in self.steps if loss <= aim), None)


class Plain:
    """A plain loop on pixels, from the photograph.

    Args:
        optimizer: Of the picture.
        objective: By torch's operators alone; the first steps are timed with it.
        faster: The same with our operators, for the other steps.
        content, style: `(1, 3, H, W)` in [0, 1].
        count: Steps, an evaluation each.
        clamp: Keep the picture in [0, 1] after each step.
    """

    def __init__(
        self,
        optimizer: Callable[[list[torch.Tensor]], torch.optim.Optimizer],
        objective: Objective,
        faster: Objective,
        content: torch.Tensor,
        style: torch.Tensor,
        *,
        count: int,
        clamp: bool,
    ) -> None:
        self.objective, self.faster, self.count, self.clamp = objective, faster, count, clamp
        self.references = objective.references(content, [Target(style)])
        self.image = content.clone().requires_grad_()
        self.optimizer = optimizer([self.image])
        seconds = [self._step(objective) for _ in range(TIMED)]
        self.seconds = count * statistics.median(seconds[1:])

    def _step(self, objective: Objective) -> float:
        def evaluate() -> torch.Tensor:
            self.optimizer.zero_grad()
            loss = objective.total(objective(self.image, self.references))
            loss.backward()
            return loss

        began = time.perf_counter()
        self.optimizer.step(evaluate)
        if self.clamp:
            with torch.no_grad():
                self.image.clamp_(0, 1)
        return time.perf_counter() - began

    def picture(self) -> torch.Tensor:
        """Take the other steps, and return the picture."""
        for _ in range(TIMED, self.count):
            self._step(self.faster)
        return self.image.detach()


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
        objective = instantiate.objective(cfg).for_edge(edge)
    faster = instantiate.objective(cfg).for_edge(edge)
    content, style = image_io.reduced(photo, edge), image_io.reduced(painting, edge)
    references = objective.references(content, [Target(style)])
    network = f"{cfg.backbone.get('model', 'wavelet')} {edge} px"

    @torch.no_grad()
    def judge(image: torch.Tensor) -> float:
        return float(faster.total(faster(image, references)))

    plain = functools.partial(Plain, objective=objective, faster=faster, content=content, style=style)
    plains = {
        f"{options.plain_steps} steps of Adam({rate:g})": plain(
            functools.partial(torch.optim.Adam, lr=rate), count=options.plain_steps, clamp=True
        )
        for rate in options.rates
    }
    if options.plain_evaluations:
        lbfgs = functools.partial(torch.optim.LBFGS, max_iter=1, history_size=100, tolerance_grad=0, tolerance_change=0)
        name = f"{options.plain_evaluations} evaluations of L-BFGS"
        plains[name] = plain(lbfgs, count=options.plain_evaluations, clamp=False)
    for name, loop in plains.items():
        print(f"{network}: {name}: {loop.seconds:.1f} s", flush=True)
    patience = options.patience * max(loop.seconds for loop in plains.values())
    taken: dict[str, Trajectory] = {}
    for way in options.ways:
        words, most = WAYS[way]
        long = configure(*words)
        taken[way] = Trajectory(edge, judge, patience=patience)
        method: ImageMethod = instantiate.method(long, objective=instantiate.objective(long))
        method.levels = [*method.levels[:-1], Level(edge, most)]
        for stage in method.stages(Inputs(DecodedImage(content), content, [StylePicture("style", style)])):
            trainer = instantiate.trainer(long, options.out, stage.steps, [], [taken[way]])
            with kernels.keep_memory(long.keep_memory):
                trainer.fit(stage.module, stage.data)
        seconds, loss = taken[way].steps[-1] if taken[way].steps else (patience, float("nan"))
        print(f"  {way}: {len(taken[way].steps)} steps of full size, {seconds:.1f} s, loss {loss:.5f}", flush=True)
    print("  all is timed; what follows finds the aims", flush=True)
    rows: list[dict[str, object]] = []
    for name, loop in plains.items():
        aim = judge(loop.picture())
        print(f"{network}: {name}: loss {aim:.5f}", flush=True)
        rows.append({"network": network, "way": name, "seconds": loop.seconds, "loss": aim, "share": 1.0})
        for way, trajectory in taken.items():
            reached = trajectory.reached(aim)
            share = None if reached is None else reached / loop.seconds
            told = "not reached" if reached is None else f"{reached:.1f} s, {share:.3f} of it"
            print(f"  {way}: {told}", flush=True)
            rows.append({"network": network, "way": way, "aim": name, "seconds": reached, "share": share})
    return rows
