"""Exact tiles: sums over windows that keep one window's activations in memory."""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from nst import kernels
from nst.backbones.base import Backbone
from nst.losses.base import Stats, Term
from nst.tiling.memmap import Paged, part
from nst.tiling.receptive_field import Geometry, NotLocalError
from nst.tiling.windows import Tiling, Window, boxes

TOLERANCE = 1e-9  # of the largest feature: far above float64 rounding, far below any real difference


def crop(
    term: Term,
    window: Window,
    geometry: Geometry,
    features: Stats,
    reference: Stats,
    maps: Mapping[str, Tensor | Paged],
    mask: Stats | None,
) -> tuple[Stats, Stats, Stats | None]:
    """Return the part of the features, of the reference and of the mask that belongs to a tile.

    A term that reads neighbours gets a margin of them around the tile's own positions, with weight 0.

    Args:
        term: The term that measures them.
        window: The tile.
        geometry: Receptive field of every layer.
        features: Layer -> (1, C, h, w) of the window.
        reference: What the term keeps of the whole picture, without the maps.
        maps: Layer -> what the term keeps that is as large as the layer.
        mask: Layer -> weights of the positions of the whole picture, or None.
    """
    own: Stats = {}
    aims, weights = dict(reference), {}
    for name in term.layers:
        rows, columns = boxes(window, geometry[name], features[name], term.margin)
        own[name] = features[name][..., rows.low : rows.high, columns.low : columns.high]
        if name in maps:
            aims[name] = part(maps[name], rows.whole(term.grid), columns.whole(term.grid))
        if mask is not None:
            weights[name] = mask[name][..., rows.whole(1), columns.whole(1)]
        if term.margin:
            inside = torch.zeros_like(own[name][:1, :1])
            inside[..., rows.inner, columns.inner] = 1
            weights[name] = inside * weights[name] if name in weights else inside
    return own, aims, weights or None


Measure = Callable[[Tensor, Window], Sequence[Tensor]]
"""(window of the image, its position) -> tensors that are additive over tiles."""


def total(image: Tensor, windows: Sequence[Window], measure: Measure) -> tuple[Tensor, ...]:
    """Sum what is measured of each tile, with the activations of one tile in memory at a time.

    Backward computes every tile again, as activation checkpointing does, and adds its gradient to one buffer of the
    size of the image. The backward of a slice would instead fill a whole image with zeros for every tile.

    Args:
        image: (1, 3, H, W).
        windows: The tiles.
        measure: See `Measure`.
    """
    out: tuple[Tensor, ...] = _Total.apply(image, windows, measure)
    return out


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, windows: Sequence[Window], measure: Measure) -> tuple[Tensor, ...]:
        ctx.save_for_backward(image)
        ctx.windows, ctx.measure = windows, measure
        kind = image.device.type
        ctx.autocast = {"enabled": torch.is_autocast_enabled(kind), "dtype": torch.get_autocast_dtype(kind)}
        sums: list[Tensor] = []
        for window in windows:
            values = measure(window.of(image), window)
            sums = [one + other for one, other in zip(sums, values, strict=True)] if sums else list(values)
        return tuple(sums)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (image,) = ctx.saved_tensors
        out = kernels.zeros_like(image)
        for window in ctx.windows:
            own = window.of(image).detach().requires_grad_()
            with torch.enable_grad(), torch.autocast(image.device.type, **ctx.autocast):
                values = ctx.measure(own, window)
            pairs = [(value, g) for value, g in zip(values, gradients, strict=True) if value.requires_grad]
            (gradient,) = torch.autograd.grad([v for v, _ in pairs], own, [g for _, g in pairs])
            window.of(out).add_(gradient)
        return out, None, None


def sizes(
    backbone: Backbone, image: Tensor, windows: Sequence[Window], geometry: Geometry
) -> dict[str, tuple[int, int]]:
    """Return layer -> (height, width) of a picture that is too large to compute whole, from its last tile."""
    last = windows[-1]
    features = backbone(last.of(image))
    out = {}
    for name, value in features.items():
        rows, columns = geometry[name]
        height = last.rows.start // rows.stride + value.shape[-2]
        out[name] = height, last.columns.start // columns.stride + value.shape[-1]
    return out


def maps(
    backbone: Backbone, image: Tensor, windows: Sequence[Window], geometry: Geometry, wanted: Iterable[str]
) -> Stats:
    """Return the whole maps of some layers, computed tile by tile."""
    shapes = sizes(backbone, image, windows, geometry)
    out: Stats = {name: image for name in wanted if name == "image"}
    for window in windows:
        features = backbone(window.of(image))
        for name in wanted:
            if name == "image":
                continue
            value = features[name]
            if name not in out:
                out[name] = value.new_empty(*value.shape[:2], *shapes[name])
            rows, columns = boxes(window, geometry[name], value)
            own = value[..., rows.low : rows.high, columns.low : columns.high]
            out[name][..., rows.whole(1), columns.whole(1)] = own
    return out


@torch.no_grad()
def verify(backbone: Backbone, how: Tiling) -> None:
    """Compare the features of two strips with those of their tiles, in double precision.

    Raises:
        NotLocalError: They differ, so the network does not compute the same everywhere.
    """
    probe = copy.deepcopy(backbone).cpu().double().eval()
    for axis in (0, 1):
        length = sum(how.halo[axis]) + max(3 * how.align, how.smallest) + 5
        size = (length, how.smallest) if axis == 0 else (how.smallest, length)
        strip = torch.rand(1, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        with torch.autocast("cpu", enabled=False):
            whole, windows = probe(strip), how.windows(size, length // 2)
            cut = maps(probe, strip, windows, how.geometry, backbone.layers)
        for name in backbone.layers:
            if (cut[name] - whole[name]).abs().max() > TOLERANCE * whole[name].abs().max():
                raise NotLocalError(f"layer {name} does not see the same neighbourhood everywhere")
