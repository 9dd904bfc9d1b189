"""How much a painted film flickers: what changes in it beside the motion of the film that it is made of."""

import math
from collections import deque
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torchmetrics.functional.image import learned_perceptual_image_patch_similarity

from nst.data import flow, image_io
from nst.metrics.judge import SMALLEST_LPIPS, lpips_missing

DISTANCES = (1, 10)
"""Frames between the two that are compared."""


@torch.no_grad()
def figures(
    originals: Iterable[Tensor],
    painted: Iterable[Tensor],
    *,
    distances: Sequence[int] = DISTANCES,
    lpips: str | None = "squeeze",
    every: int = 1,
    flows: Iterable[Tensor] | None = None,
) -> dict[str, float | None]:
    """Return the figures of a painted film, by name; None for one that is not available. Less is steadier.

    With the frame x_t of the painted film, the flow w from the frame t of the original to t - k, and the mask c, 1
    where w can be trusted:

    * `warping_error_<k>`: the root over all frames of the mean of `c |x_t(p) - x_(t-k)(p + w(p))|^2`, per value.
    * `warped_lpips_<k>`: LPIPS between x_t and x_(t-k) moved by w, the same where c is 0; the mean over frames.
    * `change`: mean of `|x_t - x_(t-1)|` where the original changes by at most 1 of 255 around a pixel.

    Args:
        originals: Frames of the original, (1, 3, H, W) in [0, 1].
        painted: As many of the painted film, of any one size.
        distances: The k.
        lpips: Network of LPIPS, see `Judge`; None for no LPIPS.
        every: One frame in so many is measured.
        flows: The true flow from each frame but the first to the one before, (1, 2, h, w), where it is known.

    Source: Lai et al. 2018, section 4.2 (the root is ours); Ruder, Dosovitskiy & Brox 2016 (the masks).
    """
    squares = {k: [0.0, 0.0] for k in distances}
    distance: dict[int, list[float]] = {k: [] for k in distances}
    still = [0.0, 0.0]
    network = None if lpips is None or lpips_missing(lpips) else lpips
    past: deque[tuple[Tensor, Tensor]] = deque(maxlen=max(distances))
    known = iter(flows) if flows is not None else None
    for number, (original, picture) in enumerate(zip(originals, painted, strict=True)):
        frame = image_io.resize(original, image_io.size_of(picture)).clamp(0, 1)
        true = next(known) if known is not None and number else None
        for k in distances:
            if k > len(past) or number % every:
                continue
            before, earlier = past[-k]
            there = true if true is not None and k == 1 else flow.between(frame, before)
            mask = flow.trusted(there, flow.between(before, frame))
            moved = flow.follow(earlier, there)
            squares[k][0] += float((mask * (picture - moved).square()).sum()) / 3
            squares[k][1] += float(mask.sum())
            if network and min(image_io.size_of(picture)) >= SMALLEST_LPIPS:
                there_too = torch.lerp(picture, moved, mask).clamp(0, 1)
                found = learned_perceptual_image_patch_similarity(picture, there_too, net_type=network, normalize=True)  # type: ignore[arg-type]
                distance[k].append(float(found))
        if past and number % every == 0:
            before, earlier = past[-1]
            changes = torch.nn.functional.max_pool2d((frame - before).abs().amax(1, keepdim=True), 9, 1, 4)
            unchanged = (changes <= 1.5 / 255).to(picture)
            still[0] += float(((picture - earlier).abs() * unchanged).sum()) / 3
            still[1] += float(unchanged.sum())
        past.append((frame, picture))
    out: dict[str, float | None] = {}
    for k in distances:
        out[f"warping_error_{k}"] = math.sqrt(squares[k][0] / squares[k][1]) if squares[k][1] else None
        out[f"warped_lpips_{k}"] = sum(distance[k]) / len(distance[k]) if distance[k] else None
    return {**out, "change": still[0] / still[1] if still[1] else None}
