"""CNNMRF against a loop over all patches in NumPy."""

import numpy as np
import pytest
import torch

from nst.losses import MarkovPatches


def patches(x: torch.Tensor) -> np.ndarray:
    f = x[0].numpy()
    places = [(i, j) for i in range(f.shape[1] - 1) for j in range(f.shape[2] - 1)]
    return np.array([f[:, i : i + 2, j : j + 2].ravel() for i, j in places])


def test_equals_a_loop_over_all_patches() -> None:
    image, style = torch.randn(2, 1, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x, y = patches(image), patches(style)
    nearest = [max(y, key=lambda q, p=p: p @ q / np.linalg.norm(p) / np.linalg.norm(q)) for p in x]
    squared = np.mean([((p - q) ** 2).sum() for p, q in zip(x, nearest, strict=True)])
    for reduction, divisor in (("sum", 1), ("mean", 12), ("relative", y.var(0).sum())):
        term = MarkovPatches(
            layers={"x": 1},
            weight=1,
            reduction=reduction,
            layer_reduction="sum",
            patch=2,
            positions=99,
            candidates=99,
        )
        score = term.score(term.measure({"x": image}, {}), term.reference({"x": style}))["x"].item()
        assert score == pytest.approx(squared / divisor, rel=1e-10)


def test_a_layer_smaller_than_a_patch_is_refused() -> None:
    term = MarkovPatches(
        layers={"x": 1}, weight=1, reduction="sum", layer_reduction="sum", patch=3, positions=9, candidates=9
    )
    with pytest.raises(ValueError, match=r"layer x has 5 x 2 positions, fewer than a patch of 3 x 3; give a larger"):
        term.reference({"x": torch.zeros(1, 3, 2, 5)})
