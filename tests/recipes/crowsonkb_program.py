"""What crowsonkb's program computes, as those in `programs`; its loss takes square roots of matrices."""

import torch
import torch.nn.functional as F
from programs import BICUBIC, CONV_1, CONV_4_2, MEAN, STD, Task, begin, gram, pixels, read, vgg, walk
from torch import Tensor


def crowsonkb(task: Task) -> list[float]:
    """Scales that grow by the square root of 2 from `size` / sqrt(2), 100 steps each; see the functions below."""
    photo, painting = read(task.content), read(task.style)
    network = vgg(task)
    network[0].padding_mode = "replicate"
    relus, content_layer = [i + 1 for i in CONV_1], CONV_4_2 + 1
    shares = [w / 341 for w in (256, 64, 16, 4, 1)]
    x, adam, losses = torch.empty(0), None, []
    for scale in (round(task.size / 2**0.5), task.size):
        width, height = fitted(photo.size, scale, enlarge=True)
        content = pixels(photo.resize((width, height), BICUBIC))[None]
        if adam is None:
            x = begin(task, content).detach()
        else:
            x = F.interpolate(x.detach(), (height, width), mode="bicubic", align_corners=False).clamp(0, 1)
        value, accumulated = 0.01 * x, 0.99
        x.requires_grad_()
        style = pixels(painting.resize(fitted(painting.size, scale, enlarge=False), BICUBIC))[None]
        target = walk(network, (content - MEAN) / STD, [content_layer])[content_layer]
        moments = {k: mean_and_covariance(v) for k, v in walk(network, (style - MEAN) / STD, relus).items()}
        roots = {k: _root(covariance, 12) for k, (_, covariance) in moments.items()}
        fresh = torch.optim.Adam([x], lr=0.02, betas=(0.9, 0.99))
        if adam is not None:
            state = adam.state_dict()
            for kept in state["state"].values():
                kept["exp_avg"] = F.interpolate(kept["exp_avg"], (height, width), mode="bicubic")
                kept["exp_avg_sq"] = F.interpolate(kept["exp_avg_sq"], (height, width), mode="bilinear").relu()
            fresh.load_state_dict(state)
        adam = fresh
        for _ in range(100):
            kept = walk(network, (x - MEAN) / STD, [*relus, content_layer])
            loss = 0.015 * F.mse_loss(kept[content_layer], target) + 2 * nine_points(x)
            for k, share in zip(relus, shares, strict=True):
                (mean, covariance), (other, goal) = mean_and_covariance(kept[k]), moments[k]
                root = _root(roots[k] @ covariance @ roots[k], 12)
                loss = loss + share * (
                    (mean - other).square().mean() + (covariance + goal - 2 * root).diagonal().mean()
                )
            adam.zero_grad()
            loss.backward()
            losses.append(loss.item())
            adam.step()
            x.data.clamp_(0, 1)
            value, accumulated = 0.99 * value + 0.01 * x.detach(), 0.99 * accumulated
        x = value / (1 - accumulated)
    return losses


def fitted(size: tuple[int, int], edge: int, *, enlarge: bool) -> tuple[int, int]:
    if max(size) <= edge and not enlarge:
        return size
    return tuple(edge if length == max(size) else round(edge * length / max(size)) for length in size)  # type: ignore[return-value]


def mean_and_covariance(features: Tensor) -> tuple[Tensor, Tensor]:
    mean = features.mean((-2, -1))[0]
    second = gram(features, features.shape[-1] * features.shape[-2])
    return mean, second - torch.outer(mean, mean) + 1e-4 * torch.eye(len(mean))


def nine_points(x: Tensor) -> Tensor:
    """Squared differences to the eight neighbours over the picture replicated by a pixel on every side."""
    wide = F.pad(x, (1, 1, 1, 1), "replicate")
    right = (wide[..., 1:-1, 2:] - wide[..., 1:-1, 1:-1]).square().mean() / 3
    below = (wide[..., 2:, 1:-1] - wide[..., 1:-1, 1:-1]).square().mean() / 3
    falling = (wide[..., 1:, 1:] - wide[..., :-1, :-1]).square().mean() / 12
    rising = (wide[..., 1:, :-1] - wide[..., :-1, 1:]).square().mean() / 12
    return 2 * (right + below + falling + rising)


class _Root(torch.autograd.Function):
    """Newton and Schulz's root; its gradient solves Lyapunov's equation by the same iteration (Lin & Maji 2017)."""

    @staticmethod
    def forward(ctx, a, count):
        size = (a * a).sum().sqrt()
        y, z, one = a / size, torch.eye(a.shape[0]), torch.eye(a.shape[0])
        for _ in range(count):
            both = 1.5 * one - 0.5 * z @ y
            y, z = y @ both, both @ z
        ctx.count, ctx.root = count, size.sqrt() * y
        return ctx.root.clone()

    @staticmethod
    def backward(ctx, gradient):
        size = (ctx.root * ctx.root).sum().sqrt()
        y, q, one = ctx.root / size, gradient / size, torch.eye(gradient.shape[0])
        for _ in range(ctx.count):
            square = y @ y
            q = 0.5 * (q @ (3 * one - square) - y.T @ (y.T @ q) + y.T @ (q @ y))
            y = 1.5 * y - 0.5 * y @ square
        return q / 2, None


def _root(a: Tensor, count: int) -> Tensor:
    return _Root.apply(a, count)
