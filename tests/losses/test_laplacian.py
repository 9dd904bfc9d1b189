"""The Laplacian loss against SciPy's convolution."""

import numpy as np
import pytest
import scipy.ndimage
import torch

from nst.losses import Laplacian
from nst.losses.laplacian import laplacian

KERNEL = np.array([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]])


def test_equals_scipy() -> None:
    image, content = torch.rand(2, 1, 3, 6, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def edges(x: torch.Tensor) -> np.ndarray:
        small = x[0].numpy().reshape(3, 3, 2, 4, 2).mean((2, 4))
        return np.array([scipy.ndimage.convolve(channel, KERNEL, mode="nearest") for channel in small])

    squared = ((edges(image) - edges(content)) ** 2).sum()
    for reduction, divisor in (("sum", 1), ("relative", (edges(content) ** 2).sum())):
        term = Laplacian(layers={"image": 2}, weight=1, reduction=reduction, pool=2)
        reference = term.reference({"image": content})
        score = term.score(term.measure({"image": image}, reference), reference)["image"].item()
        assert score == pytest.approx(2 * squared / divisor, rel=1e-10)
        assert term.measure({"image": content}, reference)["image"].item() == 0
    assert (term.margin, term.grid) == (2, 2)  # squares of two pixels, and one square more on each side


def test_gradient_and_a_mask() -> None:
    image, content = torch.rand(2, 1, 3, 6, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    term = Laplacian(layers={"image": 1}, weight=1, reduction="relative", pool=2)
    reference = term.reference({"image": content})
    mask = {"image": torch.zeros(1, 1, 6, 8, dtype=torch.float64)}

    def loss(x: torch.Tensor, mask: dict[str, torch.Tensor] | None = None) -> torch.Tensor:
        return term.score(term.measure({"image": x}, reference, mask), reference)["image"]

    assert loss(image, mask).item() == 0
    assert torch.autograd.gradcheck(loss, image.clone().requires_grad_())


def test_a_flat_picture_and_a_ramp_have_no_edges_inside() -> None:
    ramp = torch.linspace(0, 1, 12).view(1, 1, 1, 12).expand(1, 3, 8, 12)
    assert laplacian(torch.full((1, 3, 9, 7), 0.3), 4).abs().max().item() < 1e-6
    assert laplacian(ramp, 2)[..., 1:-1].abs().max().item() < 1e-6
