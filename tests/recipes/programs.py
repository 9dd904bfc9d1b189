"""What the programs behind the recipes compute, written anew in plain torch from their descriptions.

Each function reads the two pictures by itself, as its program does, and returns the total loss at every evaluation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from torch import Tensor, nn
from torchvision.models.vgg import cfgs, make_layers
from torchvision.transforms import functional as TF

from nst.backbones.rescale import photographs

MEAN, STD = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
CAFFE_MEAN = torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1)
BILINEAR, BICUBIC = TF.InterpolationMode.BILINEAR, Image.Resampling.BICUBIC
CONV_1 = (0, 5, 10, 19, 28)  # conv1_1, conv2_1, ... in torchvision's VGG-19; their ReLUs follow
CONV_4_2 = 21


@dataclass(frozen=True)
class Task:
    """Two pictures, an edge, a network's parameters, and how often the loss is evaluated."""

    content: Path
    style: Path
    size: int
    state: dict[str, Tensor]
    evaluations: int
    start: Tensor  # what a run of ours began with: noise is taken from it, anything else must be equal up to rounding


class Done(Exception):
    """Enough evaluations."""


def vgg(task: Task, kind: str = "E", average: bool = False) -> nn.Sequential:
    """Torchvision's VGG with its in-place ReLUs."""
    layers = make_layers(cfgs[kind])
    layers.load_state_dict(
        {k.removeprefix("features."): v.float() for k, v in task.state.items() if "classifier" not in k}
    )
    if average:
        layers = nn.Sequential(*(nn.AvgPool2d(2) if isinstance(m, nn.MaxPool2d) else m for m in layers))
    return layers.eval().requires_grad_(False)


def walk(network: nn.Sequential, x: Tensor, wanted: Sequence[int]) -> dict[int, Tensor]:
    """Keep what layers return, as most programs do: a ReLU in place then changes the convolution's output."""
    kept = {}
    for index, layer in enumerate(network):
        x = layer(x)
        if index in wanted:
            kept[index] = x
        if index >= max(wanted) + 1:
            break
    return kept


def begin(task: Task, own: Tensor) -> Tensor:
    """The parameter: the program's own initial image, to the last bits that of our run."""
    torch.testing.assert_close(task.start, own, rtol=1e-4, atol=1e-4, check_dtype=False)
    return task.start.to(own).clone().requires_grad_()


def pixels(image: Image.Image) -> Tensor:
    """(3, H, W) in [0, 1]."""
    return TF.pil_to_tensor(image).float().div(255).to(torch.get_default_dtype())


def read(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def gram(features: Tensor, divisor: float = 1.0) -> Tensor:
    flat = features.flatten(-2)[0]
    return flat @ flat.T / divisor


def per_value(features: Tensor) -> Tensor:
    """The Gram matrix over the number of values in the layer."""
    return gram(features, features.numel())


def absolute_variation(x: Tensor) -> Tensor:
    return (x[..., 1:] - x[..., :-1]).abs().sum() + (x[..., 1:, :] - x[..., :-1, :]).abs().sum()


def descend(x: Tensor, loss: Callable[[Tensor], Tensor], optimizer: torch.optim.Optimizer, most: int) -> list[float]:
    """Let an optimiser evaluate the loss of its one parameter, `most` times."""
    losses: list[float] = []

    def closure() -> Tensor:
        if len(losses) == most:
            raise Done
        optimizer.zero_grad()
        value = loss(x)
        value.backward()
        losses.append(value.item())
        return value

    try:
        while True:
            optimizer.step(closure)
    except Done:
        return losses


def neural_style(task: Task) -> list[float]:
    """neural-style-pt: sizes cut to whole pixels, bilinear, BGR in [0, 255]; one long call of L-BFGS."""

    def load(path: Path) -> Tensor:
        image = read(path)
        size = [int(float(task.size) / max(image.size) * edge) for edge in (image.height, image.width)]
        return pixels(TF.resize(image, size, BILINEAR))[[2, 1, 0]] * 255 - CAFFE_MEAN

    content, style = load(task.content)[None], load(task.style)[None]
    network, relus = vgg(task), [i + 1 for i in CONV_1]
    target = walk(network, content, [CONV_4_2 + 1])[CONV_4_2 + 1]
    grams = {k: per_value(v) for k, v in walk(network, style, relus).items()}

    def loss(x: Tensor) -> Tensor:
        kept = walk(network, x, [*relus, CONV_4_2 + 1])
        total = 5 * F.mse_loss(kept[CONV_4_2 + 1], target) + 1e-3 * absolute_variation(x)
        return total + sum(100 * F.mse_loss(per_value(kept[k]), grams[k]) for k in relus)

    x = task.start.clone().requires_grad_()
    lbfgs = torch.optim.LBFGS([x], max_iter=1000, tolerance_grad=-1, tolerance_change=-1)
    return descend(x, loss, lbfgs, task.evaluations)


def gordicaleksa(task: Task) -> list[float]:
    """Height `size`, OpenCV's cubic filter, RGB in [0, 255]; one long call of L-BFGS with a line search."""

    def load(path: Path) -> Tensor:
        image = pixels(read(path))[None].float()  # rounding to 8 bits has ties
        height, width = image.shape[-2:]
        size = task.size, int(width * (task.size / height))
        cubic = F.interpolate(image, size, mode="bicubic", align_corners=False).clamp(0, 1).mul(255).round()
        return cubic.to(torch.get_default_dtype()) - MEAN * 255

    return _programs_of_relu(task, load(task.content), load(task.style), (1e5, 3e4, 1.0), _strong_wolfe)


def lasse(task: Task) -> list[float]:
    """Shorter edge `size`, RGB in [0, 255]; Adam at 5."""

    def load(path: Path) -> Tensor:
        return (pixels(TF.resize(read(path), task.size, BILINEAR)) * 255 - MEAN * 255)[None]

    return _programs_of_relu(
        task, load(task.content), load(task.style), (1e6, 1e5, 10.0), lambda x: torch.optim.Adam([x], lr=5)
    )


def _strong_wolfe(x: Tensor) -> torch.optim.Optimizer:
    return torch.optim.LBFGS([x], max_iter=1000, line_search_fn="strong_wolfe")


def _programs_of_relu(
    task: Task,
    content: Tensor,
    style: Tensor,
    weights: tuple[float, float, float],
    optimizer: Callable[[Tensor], torch.optim.Optimizer],
) -> list[float]:
    network, (alpha, beta, gamma) = vgg(task), weights
    target = walk(network, content, [CONV_4_2])[CONV_4_2]
    grams = {k: per_value(v) for k, v in walk(network, style, CONV_1).items()}

    def loss(x: Tensor) -> Tensor:
        kept = walk(network, x, [*CONV_1, CONV_4_2])
        far = sum(F.mse_loss(per_value(kept[k]), grams[k], reduction="sum") for k in CONV_1) / len(CONV_1)
        return alpha * F.mse_loss(kept[CONV_4_2], target) + beta * far + gamma * absolute_variation(x)

    x = begin(task, content)
    return descend(x, loss, optimizer(x), task.evaluations)


def udaabu(task: Task) -> list[float]:
    """The Udacity exercise: shorter edge `size`, the style squashed to the content's size; Adam at 0.003."""
    first = TF.resize(read(task.content), task.size, BILINEAR)
    second = TF.resize(read(task.style), [first.height, first.width], BILINEAR)
    content, style = (((pixels(image) - MEAN) / STD)[None] for image in (first, second))
    network, weights = vgg(task), dict(zip(CONV_1, (1.0, 0.8, 0.5, 0.3, 0.1), strict=True))
    target = walk(network, content, [CONV_4_2])[CONV_4_2]
    grams = {k: gram(v) for k, v in walk(network, style, CONV_1).items()}

    def loss(x: Tensor) -> Tensor:
        kept = walk(network, x, [*CONV_1, CONV_4_2])
        far = sum(w * F.mse_loss(gram(kept[k]), grams[k]) / kept[k].numel() for k, w in weights.items())
        return F.mse_loss(kept[CONV_4_2], target) + 1e6 * far

    x = begin(task, content)
    return descend(x, loss, torch.optim.Adam([x], lr=0.003), task.evaluations)


def nikhil(task: Task) -> list[float]:
    """Both pictures squashed to a square; [0, 1] without ImageNet's mean; nothing is run behind conv5_1."""

    def load(path: Path) -> Tensor:
        return pixels(TF.resize(read(path), [task.size, task.size], BILINEAR))[None]

    content, style, network = load(task.content), load(task.style), vgg(task)[:29]
    of_content, of_style = walk(network, content, CONV_1), walk(network, style, CONV_1)

    def loss(x: Tensor) -> Tensor:
        kept = walk(network, x, CONV_1)
        near = sum(F.mse_loss(kept[k], of_content[k]) for k in CONV_1)
        return near + 0.01 * sum(F.mse_loss(gram(kept[k]), gram(of_style[k])) for k in CONV_1)

    x = begin(task, content)
    return descend(x, loss, torch.optim.Adam([x], lr=0.001), task.evaluations)


def sohini_course(task: Task) -> list[float]:
    """The course's SqueezeNet: sums, squared variation, a second Adam at step 180, clamped before each step."""

    def load(path: Path) -> Tensor:
        return ((pixels(TF.resize(read(path), task.size, BILINEAR)) - MEAN) / STD)[None]

    network = torchvision.models.squeezenet1_1(weights=None).features
    network.load_state_dict(
        {k.removeprefix("features."): v.float() for k, v in task.state.items() if "classifier" not in k}
    )
    network.eval().requires_grad_(False)
    content, style, weights = load(task.content), load(task.style), {1: 300000, 4: 1000, 6: 15, 7: 3}
    target = walk(network, content, [3])[3]
    grams = {k: per_value(v) for k, v in walk(network, style, list(weights)).items()}
    x, losses = begin(task, content.clamp(-1.5, 1.5)), []
    adam = torch.optim.Adam([x], lr=3.0)
    for step in range(task.evaluations):
        if step < 190:
            x.data.clamp_(-1.5, 1.5)
        adam.zero_grad()
        kept = walk(network, x, [*weights, 3])
        loss = 6e-2 * (kept[3] - target).square().sum()
        loss = loss + sum(w * (per_value(kept[k]) - grams[k]).square().sum() for k, w in weights.items())
        across, down = x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]
        loss = loss + 2e-2 * (across.square().sum() + down.square().sum())
        loss.backward()
        losses.append(loss.item())
        if step == 180:
            adam = torch.optim.Adam([x], lr=0.1)
        adam.step()
    return losses


def gatys2016(task: Task) -> list[float]:
    """The paper's equations 1 to 7 on a network with average pooling; L-BFGS from the same noise."""
    image = read(task.content)
    size = [round(task.size / max(image.size) * edge) for edge in (image.height, image.width)]
    content, style = (
        ((pixels(read(path).resize(size[::-1], BICUBIC)) - MEAN) / STD)[None] for path in (task.content, task.style)
    )
    network, relus = vgg(task, average=True), [i + 1 for i in CONV_1]
    target = walk(network, content, [CONV_4_2 + 1])[CONV_4_2 + 1]
    grams = {k: gram(v) for k, v in walk(network, style, relus).items()}

    def loss(x: Tensor) -> Tensor:
        kept = walk(network, x, [*relus, CONV_4_2 + 1])
        near = (kept[CONV_4_2 + 1] - target).square().sum() / 2
        far = sum((gram(kept[k]) - grams[k]).square().sum() / (4 * kept[k].numel() ** 2) for k in relus) / 5
        return near + 1000 * far

    x = task.start.clone().requires_grad_()
    lbfgs = torch.optim.LBFGS([x], max_iter=1000, history_size=20, tolerance_grad=0, tolerance_change=0)
    return descend(x, loss, lbfgs, task.evaluations)


def spst(task: Task) -> list[float]:
    """One scale: Gram matrices over C^2 elements, means and deviations over C, L-BFGS that remembers 10 steps."""
    content = pixels(_shorter(read(task.content), task.size))[None]
    style = pixels(_shorter(read(task.style), task.size))[None]
    network, relus = unit(vgg(task)), [i + 1 for i in CONV_1]
    target = walk(network, (content - MEAN) / STD, [CONV_4_2 + 1])[CONV_4_2 + 1]
    goals = {k: _statistics(v) for k, v in walk(network, (style - MEAN) / STD, relus).items()}

    def loss(x: Tensor) -> Tensor:
        kept = walk(network, x, [*relus, CONV_4_2 + 1])
        total = F.mse_loss(kept[CONV_4_2 + 1], target)
        for k in relus:
            found = _statistics(kept[k])
            shares = 1e3 / kept[k].shape[1] ** 2, 1e4, 1e4
            total = total + sum(w * F.mse_loss(a, b) for w, a, b in zip(shares, found, goals[k], strict=True))
        return total

    x = begin(task, (content - MEAN) / STD)
    lbfgs = torch.optim.LBFGS([x], max_iter=1000, history_size=10, tolerance_grad=0, tolerance_change=0)
    return descend(x, loss, lbfgs, task.evaluations)


def _shorter(image: Image.Image, edge: int) -> Image.Image:
    return image.resize([round(length * edge / min(image.size)) for length in image.size], BICUBIC)


def _statistics(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gram matrix over positions, means, and deviations, which the 1e-5 keeps differentiable where nothing varies."""
    second = gram(features, features.shape[-1] * features.shape[-2])
    mean = features.mean((-2, -1))[0]
    return second, mean, ((second.diagonal() - mean.square()).clamp_min(0) + 1e-5).sqrt()


@torch.no_grad()
def unit(network: nn.Sequential) -> nn.Sequential:
    """Gatys' rescaling: layer after layer, so that each filter is 1 in the mean over four photographs."""
    maps = [(picture.to(torch.get_default_dtype()) - MEAN) / STD for picture in photographs(None)]
    before = torch.ones(3)
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            layer.weight /= before.view(1, -1, 1, 1)
            active = torch.cat([layer(x).relu().flatten(2)[0] for x in maps], 1).mean(1)
            before = torch.where(active > 0, 1 / active, torch.ones_like(active))
            layer.weight *= before.view(-1, 1, 1, 1)
            layer.bias *= before
        maps = [layer(x) for x in maps]
    return network
