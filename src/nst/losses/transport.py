"""Optimal transport along lines: in one dimension it is sorting."""

import torch
from torch import Tensor


def along_lines(x: Tensor, weight: Tensor, y: Tensor) -> Tensor:
    """Return the squared distance that each column of x has from the like-ranked values of the same column of y.

    For every column, `sum_i w_i (x_(i) - q(u_i))^2 / sum_i w_i`, where x_(i) are the values in order, u_i the share of
    weight below the middle of the i-th, and q the quantile function of y, linear between its sorted values: the squared
    Wasserstein-2 distance, exact where x and y have equally many values of equal weight.

    Args:
        x: (n, K).
        weight: w, (n, 1), 0 or more.
        y: (m, K); no gradient flows towards it.

    Returns:
        (K).
    """
    ordered, order = x.sort(dim=0)
    w = weight.expand_as(x).gather(0, order)
    rank = ((w.cumsum(0) - w / 2) / w.sum(0) * len(y) - 0.5).clamp(0, len(y) - 1)
    below = rank.floor()
    wanted = y.detach().sort(dim=0).values
    above = (below + 1).clamp_max(len(y) - 1)
    target = torch.lerp(wanted.gather(0, below.long()), wanted.gather(0, above.long()), rank - below)
    return (w * (ordered - target).square()).sum(0) / w.sum(0)


def spread(y: Tensor) -> Tensor:
    """Return the sum over the columns of y (m, C) of their variances: the trace of the covariance, never 0."""
    return y.var(0, correction=0).sum().clamp_min(1e-12)
