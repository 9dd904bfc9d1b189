"""What the moments of `gram.moments` hold: mean, covariance and standard deviation of the channels."""

import torch
from torch import Tensor


def mean_covariance(m: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the centred covariance of the features behind moments.

    `mu = s / n`, `Sigma = G / n - mu mu^T`, where `M = [[G, s], [s^T, n]]`. In double precision, because the difference
    cancels; on a device that has none, on the processor.

    Args:
        m: M, (C + 1, C + 1), as `gram.moments` gives it.

    Returns:
        mu, (C), and Sigma, (C, C), float64.
    """
    wide = m.to("cpu" if m.device.type == "mps" else m.device, torch.float64)
    n = wide[-1, -1].detach()
    mean = wide[-1, :-1] / n
    return mean, wide[:-1, :-1] / n - torch.outer(mean, mean)


def deviation(covariance: Tensor) -> Tensor:
    """Return the standard deviations of the channels, `sqrt(diag(Sigma) + 1e-5)`: the 1e-5 keeps the gradient finite.

    Source: Huang & Belongie 2017, the authors' epsilon.
    """
    return (covariance.diagonal().clamp_min(0) + 1e-5).sqrt()


def floor(value: Tensor) -> Tensor:
    """Return a divisor that is never 0: a flat reference gives a large loss, not a broken one."""
    return value.clamp_min(1e-12)
