"""Pictures from along style transfers: what an optimisation makes of a photograph is no photograph."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from distillation.crops import Crops

Network = Callable[[Tensor], dict[str, Tensor]]


class Paintings:
    """A few pictures that are being painted, one step at a time, and begun anew after some steps.

    Each has a style, a content, a content weight and a beginning (the content, or noise) of its own. A step goes
    against the gradient of the relative Gram and content distances, normalised at each of several scales, as an
    optimisation with Adam of the bands of a Laplacian pyramid does.

    Args:
        crops: Where contents and styles are cut from.
        count: Pictures at once.
        steps: After which a picture is begun anew, at most.
        style: Layer names of the style distance.
        content: Layer name of the content distance.
    """

    def __init__(self, crops: Crops, *, count: int, steps: int, style: list[str], content: str) -> None:
        self.crops, self.steps, self.style, self.content = crops, steps, style, content
        self.pictures: list[dict[str, Tensor]] = [{} for _ in range(count)]

    def state_dict(self) -> list[dict[str, Tensor]]:
        """Return everything that the next steps depend on."""
        return self.pictures

    def load_state_dict(self, state: list[dict[str, Tensor]]) -> None:
        """Go on from a state."""
        self.pictures = state

    def next(self, count: int, step: int, network: Network) -> Tensor:
        """Advance `count` pictures by one step of optimisation and return them: (count, 3, edge, edge), [0, 1].

        Args:
            count: How many of the pictures, in turn.
            step: Number of the training's step.
            network: Image -> layer -> features, (N, C, h, w).
        """
        chosen = [(step * count + i) % len(self.pictures) for i in range(count)]
        for i in chosen:
            if not self.pictures[i] or self.pictures[i]["left"] == 0:
                self.pictures[i] = self._begin(i, step, network)
        images = torch.stack([self.pictures[i]["image"] for i in chosen]).requires_grad_()
        features = network(images)
        loss = sum(self._loss({k: v[n] for k, v in features.items()}, self.pictures[i]) for n, i in enumerate(chosen))
        (gradient,) = torch.autograd.grad(loss, images)
        moved = (images.detach() - step_along(gradient)).clamp(0, 1)
        for n, i in enumerate(chosen):
            self.pictures[i]["image"] = moved[n].clone()
            self.pictures[i]["left"] = self.pictures[i]["left"] - 1
        return moved

    @torch.no_grad()
    def _begin(self, index: int, step: int, network: Network) -> dict[str, Tensor]:
        rng = self.crops.random(2, step, index)
        content, style = self.crops.plain(2, 3, step, index)
        wanted, kept = network(style[None]), network(content[None])[self.content][0]
        noise = torch.from_numpy(rng.uniform(0, 1, content.shape)).float()
        begun = {"image": content if rng.random() < 0.7 else noise, "content": kept}
        begun |= {"left": torch.tensor(int(rng.integers(2, self.steps + 1)))}
        begun |= {"weight": torch.tensor(10 ** rng.uniform(-2, 0))}
        return begun | {f"gram {name}": gram(wanted[name][0]) for name in self.style}

    def _loss(self, features: dict[str, Tensor], painted: dict[str, Tensor]) -> Tensor:
        wanted = {name: painted[f"gram {name}"] for name in self.style}
        style = sum((gram(features[k]) - g).square().sum() / g.square().sum() for k, g in wanted.items())
        kept = painted["content"]
        content = (features[self.content] - kept).square().mean() / kept.square().mean()
        return style / len(wanted) + painted["weight"].float() * content


def gram(features: Tensor) -> Tensor:
    """Return the Gram matrix over positions: (C, h, w) -> (C, C)."""
    flat = features.flatten(1)
    return flat @ flat.T / flat.shape[1]


def step_along(gradient: Tensor, rate: float = 0.012) -> Tensor:
    """Return a step along a gradient that is `rate` strong at each of four scales, (N, 3, H, W)."""
    out = torch.zeros_like(gradient)
    for scale in (1, 2, 4, 8):
        part = F.avg_pool2d(gradient, scale, ceil_mode=True) if scale > 1 else gradient
        part = part / part.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-12)
        out += rate * F.interpolate(part, gradient.shape[-2:], mode="bilinear", align_corners=False)
    return out
