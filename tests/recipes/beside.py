"""A recipe and its program side by side, from the same start: the total loss at every evaluation.

`python tests/recipes/beside.py [recipe ...]` prints the table of docs/recipes.md.
"""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

sys.path.append(str(Path(__file__).parents[1]))

import crowsonkb_program
import programs
import torch
import torchvision
from conftest import ROOT, SHARED
from hydra import compose, initialize_config_dir
from lightning.pytorch import Callback
from programs import Task
from torch import Tensor

from nst.backbones import weights
from nst.config import instantiate
from nst.data import image_io
from nst.data.inputs import Inputs, StylePicture
from nst.objective import Objective

EVALUATIONS = (1, 10, 100, 200)
TRAINED = {
    "vgg19": SHARED / "weights/vgg19-simonyan-imagenet-features-float16.pth",
    "squeezenet1_1": SHARED / "torch_home/hub/checkpoints/squeezenet1_1-b8a52dc0.pth",
}
PICTURES = SHARED / "images/content/tubingen.png", SHARED / "images/style/starry_night.jpg"
RECIPES: dict[str, tuple[Callable[[Task], list[float]], str, str, int, int, list[str]]] = {
    # program, network, its input, bits, edge in pixels, what is typed beside the recipe
    "neural_style": (programs.neural_style, "vgg19", "BGR255", 64, 64, ["steps=200"]),
    "gordicaleksa": (programs.gordicaleksa, "vgg19", "RGB255", 64, 48, ["steps=10"]),
    "lasse": (programs.lasse, "vgg19", "RGB255", 64, 48, ["steps=200"]),
    "udaabu": (programs.udaabu, "vgg19", "imagenet", 32, 64, ["steps=200"]),
    "nikhil": (programs.nikhil, "vgg19", "imagenet", 32, 64, ["steps=200", "method.style_size=64"]),
    "gatys2016": (programs.gatys2016, "vgg19", "imagenet", 64, 64, ["steps=200", "backbone.scale=none"]),
    "spst": (programs.spst, "vgg19", "imagenet", 64, 48, ["pyramid.first_steps=200", "pyramid.smallest=48"]),
    "crowsonkb": (
        *(crowsonkb_program.crowsonkb, "vgg19", "imagenet", 32, 96),
        ["steps=100", "pyramid.first_steps=100", "pyramid.smallest=60"],
    ),
    "sohini_course": (
        *(programs.sohini_course, "squeezenet1_1", "imagenet", 64, 96),
        ["steps=200", "method.style_size=96"],
    ),
}
"""A recipe whose optimiser amplifies rounding (L-BFGS without a line search, Adam at a large rate) runs in 64 bits."""


class Recorder(Objective):
    """An objective that keeps every total loss."""

    losses: list[float]

    def total(self, *args, **kwargs) -> Tensor:
        value = super().total(*args, **kwargs)
        self.losses.append(float(value.detach()))
        return value


class Begun(Callback):
    """Keeps the parameter as it is before the first step."""

    def on_train_batch_start(self, trainer, module, batch, batch_idx) -> None:
        if batch_idx == 0:
            self.pixels = module.pixels.detach().clone()


def paint(recipe: str, content: Path, style: Path, *words: str) -> tuple[list[float], Tensor]:
    """Run a recipe; return the losses and the initial parameter."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", [f"experiment={recipe}", "trainer.accelerator=cpu", *words])
    objective = instantiate.objective(config)
    objective.__class__, objective.losses = Recorder, []
    method = instantiate.method(config, objective=objective)
    pictures = [image_io.load(path) for path in (content, style)]
    begun: list[Begun] = []
    for stage in method.stages(Inputs(pictures[0], pictures[0].rgb, [StylePicture("style", pictures[1].rgb)])):
        begun.append(Begun())
        instantiate.trainer(config, Path(), stage.steps, [], [begun[-1]]).fit(stage.module, stage.data)
    return objective.losses, begun[0].pixels


def pictures(folder: Path) -> tuple[Path, Path]:
    """Return a content and a style: real ones, or where they are not, pictures made of waves."""
    if all(path.is_file() for path in PICTURES):
        return PICTURES
    files = folder / "content.png", folder / "style.png"
    for file, (height, width), seed in zip(files, ((180, 240), (150, 190)), (1, 2), strict=True):
        low = torch.rand(1, 3, 12, 16, generator=torch.Generator().manual_seed(seed))
        image_io.save(image_io.resize(low, (height, width)), file)
    return files


@functools.cache
def checkpoint(model: str, convention: str) -> Path:
    """Return a file with a network's trained parameters, or seeded ones, for an input convention.

    The trained VGG-19 at hand reads ImageNet's convention; for the others that is undone in its first convolution.
    """
    torch.manual_seed(0)
    state = weights.read(TRAINED[model]) if TRAINED[model].is_file() else random_state(model)
    state = {name: value.float() for name, value in state.items() if name.startswith("features.")}
    if convention != "imagenet":
        mean, std = (value.view(1, 3, 1, 1) for value in (programs.MEAN, programs.STD))
        first = state["features.0.weight"] / (255 * std)
        middle = programs.CAFFE_MEAN.flip(0).view(1, 3, 1, 1) if convention == "BGR255" else 255 * mean
        state["features.0.bias"] = state["features.0.bias"] - (first * (255 * mean - middle)).sum((1, 2, 3))
        state["features.0.weight"] = (first.flip(1) if convention == "BGR255" else first).contiguous()
    path = Path(mkdtemp()) / f"{model}_{convention}.pth"
    torch.save(state, path)
    return path


def random_state(model: str) -> dict[str, Tensor]:
    return torchvision.models.get_model(model, weights=None).state_dict()


def losses(recipe: str, folder: Path, *, beside: float | None = None) -> list[list[float]]:
    """Return the losses of a recipe's program and those of the recipe.

    With `beside`, also those of the program when it starts that relative distance away: what rounding alone can do.
    """
    program, model, convention, bits, size, words = RECIPES[recipe]
    content, style = pictures(folder)
    file = checkpoint(model, convention)
    ours, start = paint(
        recipe, content, style, f"size={size}", f"backbone.checkpoint={file}", f"trainer.precision={bits}-true", *words
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype({32: torch.float32, 64: torch.float64}[bits])
    try:
        noise = torch.randn(start.shape, generator=torch.Generator().manual_seed(1))
        starts = [start] if beside is None else [start, start * (1 + beside * noise)]
        theirs = [program(Task(content, style, size, weights.read(file), max(EVALUATIONS), at)) for at in starts]
    finally:
        torch.set_default_dtype(before)
    return [theirs[0], without_repeated(ours), *theirs[1:]]


def without_repeated(values: list[float]) -> list[float]:
    """Leave out what an optimiser's step evaluates again at its start, the loss of the iterate before."""
    return [v for i, v in enumerate(values) if not any(abs(v - u) < 1e-12 * abs(v) for u in values[max(0, i - 30) : i])]


def main() -> None:
    """Print the table."""
    print("| recipe | evaluation | its program | nst | difference | rounding |\n|---|---|---|---|---|---|", flush=True)
    for recipe in sys.argv[1:] or RECIPES:
        rounding = {32: 1e-7, 64: 1e-13}[RECIPES[recipe][3]]
        runs = losses(recipe, Path(mkdtemp()), beside=rounding)
        for n in EVALUATIONS:
            theirs, ours, beside = (run[n - 1] if n <= len(run) else float("nan") for run in runs)
            a, b = (f"{100 * (value / theirs - 1):+.2g} %" for value in (ours, beside))
            print(f"| `{recipe}` | {n} | {theirs:.6g} | {ours:.6g} | {a} | {b} |", flush=True)


if __name__ == "__main__":
    main()
