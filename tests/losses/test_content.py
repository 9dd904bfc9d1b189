"""The content loss against its formulas in NumPy."""

import numpy as np
import pytest
import torch

from nst.losses import Content


def term(reduction: str = "mean") -> Content:
    return Content(layers={"a": 2.0}, weight=1.0, reduction=reduction, layer_reduction="sum")


def feats(seed: int = 0) -> dict[str, torch.Tensor]:
    return {"a": torch.randn(1, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))}


def loss(content: Content, x, c) -> torch.Tensor:
    reference = content.reference(c)
    return content.score(content.measure(x, reference), reference)["a"]


@pytest.mark.parametrize("reduction", ["sum", "half_sum", "mean", "relative", "root"])
def test_every_reduction_equals_its_formula(reduction):
    f, p = (v["a"][0].numpy() for v in (feats(1), feats(2)))
    squared = ((f - p) ** 2).sum()
    spread = ((p - p.mean(axis=(1, 2), keepdims=True)) ** 2).sum()
    expected = {"sum": squared, "half_sum": squared / 2, "mean": squared / f.size, "relative": squared / spread}
    expected["root"] = np.sqrt(expected["relative"] + 1e-6) - 1e-3
    assert loss(term(reduction), feats(1), feats(2)).item() == pytest.approx(2 * expected[reduction], rel=1e-12)
    assert np.isfinite(squared)


def test_zero_at_its_reference():
    assert loss(term("relative"), feats(), feats()).item() == 0


def test_additive_over_positions():
    content, x, c = term(), feats(1), feats(2)
    whole = content.measure(x, content.reference(c))["a"]
    parts = []
    for cut in (slice(0, 2), slice(2, 5)):
        piece = {"a": c["a"][..., cut]}
        parts.append(content.measure({"a": x["a"][..., cut]}, content.reference(piece))["a"])
    assert torch.allclose(sum(parts), whole)


def test_a_mask_weighs_positions():
    content, x, c = term("sum"), feats(1), feats(2)
    mask = {"a": torch.rand(1, 1, 4, 5, dtype=torch.float64)}
    expected = (mask["a"] * (x["a"] - c["a"]).square()).sum()
    assert torch.allclose(content.measure(x, content.reference(c), mask)["a"].double(), expected, rtol=1e-6)


def test_gradient():
    content = term("relative")
    reference = content.reference(feats(2))

    def function(x: torch.Tensor) -> torch.Tensor:
        return content.score(content.measure({"a": x}, reference), reference)["a"]

    assert torch.autograd.gradcheck(function, feats(1)["a"].requires_grad_())


def test_a_flat_content_gives_a_finite_loss():
    flat = {"a": torch.zeros(1, 3, 4, 5)}
    assert torch.isfinite(loss(term("relative"), {"a": 100 * feats()["a"].float()}, flat))


def two(reduction: str) -> tuple[Content, dict[str, torch.Tensor]]:
    layers = Content(layers={"a": 1.0, "b": 1.0}, weight=1.0, reduction=reduction, layer_reduction="sum")
    generator = torch.Generator().manual_seed(0)
    fine, coarse = torch.randn(1, 3, 8, 10, generator=generator), 0.1 * torch.randn(1, 3, 4, 5, generator=generator)
    return layers, layers.reference({"a": fine, "b": coarse})


def test_a_level_divides_by_no_less_than_the_layers_have_in_the_mean():
    content, reference = two("relative")
    fine, coarse = reference["a divisor"] / 80, reference["b divisor"] / 20
    levelled = content.levelled(reference)
    assert levelled["a divisor"] == reference["a divisor"]
    assert levelled["b divisor"] / 20 == pytest.approx((fine + coarse) / 2)


@pytest.mark.parametrize("reduction", ["sum", "half_sum", "mean"])
def test_a_distance_that_is_not_relative_has_no_level(reduction):
    content, reference = two(reduction)
    assert content.levelled(reference) == {}
