"""The Gram loss against its formulas in NumPy."""

import numpy as np
import pytest
import torch

from nst.losses import Gram

OPTIONS = {"layers": {"a": 2.0}, "weight": 1.0, "normalize": "hw", "reduction": "relative", "layer_reduction": "sum"}


def term(**options) -> Gram:
    return Gram(**{**OPTIONS, **options})


def feats(seed: int = 0, channels: int = 4, height: int = 5, width: int = 6) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {"a": torch.randn(1, channels, height, width, dtype=torch.float64, generator=generator)}


def loss(gram: Gram, x, s) -> torch.Tensor:
    reference = gram.reference(s)
    return gram.score(gram.measure(x, reference), reference)["a"]


@pytest.mark.parametrize("normalize", ["none", "hw", "chw"])
@pytest.mark.parametrize("reduction", ["relative", "sum", "mean", "mean_chw", "paper"])
def test_every_convention_equals_its_formula(normalize, reduction):
    x, s = feats(1), feats(2)
    channels, positions = 4, 30
    g, a = (np.einsum("cij,dij->cd", v["a"][0].numpy(), v["a"][0].numpy()) for v in (x, s))
    divisor = {"none": 1, "hw": positions, "chw": channels * positions}[normalize]
    g, a = g / divisor, a / divisor
    squared = ((g - a) ** 2).sum()
    expected = {
        "relative": squared / (a**2).sum(),
        "sum": squared,
        "mean": squared / channels**2,
        "mean_chw": squared / channels**2 / (channels * positions),
        "paper": squared / (4 * channels**2 * positions**2),
    }[reduction]
    got = loss(term(normalize=normalize, reduction=reduction), x, s)
    assert got.item() == pytest.approx(2 * expected, rel=1e-12)


def test_zero_at_its_reference():
    assert loss(term(), feats(), feats()).item() == 0


def test_gram_ignores_position():
    x = feats(1)
    shuffled = {"a": x["a"].flatten(2)[..., torch.randperm(30)].view_as(x["a"])}
    assert loss(term(), x, feats(2)).item() == pytest.approx(loss(term(), shuffled, feats(2)).item(), rel=1e-12)


def test_additive_over_positions():
    gram, x, s = term(), feats(1), feats(2)
    parts = [gram.measure({"a": x["a"][..., cut]}, {})["a"] for cut in (slice(0, 2), slice(2, 6))]
    assert torch.allclose(sum(parts), gram.measure(x, {})["a"])


def test_a_mask_of_half_the_picture_equals_that_half():
    gram, x = term(), feats(1)
    mask = {"a": torch.zeros(1, 1, 5, 6, dtype=torch.float64)}
    mask["a"][..., :3] = 1
    assert torch.allclose(gram.measure(x, {}, mask)["a"], gram.measure({"a": x["a"][..., :3]}, {})["a"])


def test_relative_does_not_depend_on_the_scale_of_features():
    x, s = feats(1), feats(2)
    scaled = [{"a": 1000 * v["a"]} for v in (x, s)]
    assert loss(term(), x, s).item() == pytest.approx(loss(term(), *scaled).item(), rel=1e-9)


def test_layers_combine_by_sum_or_mean():
    x, s = feats(1), feats(2)
    x, s = ({**v, "b": v["a"]} for v in (x, s))
    for how, divisor in (("sum", 1), ("mean", 2)):
        gram = term(layers={"a": 1.0, "b": 3.0}, layer_reduction=how)
        layer_losses = gram.score(gram.measure(x, {}), gram.reference(s))
        assert layer_losses["b"].item() == pytest.approx(3 * layer_losses["a"].item())
        assert layer_losses["a"].item() == pytest.approx(loss(term(), x, s).item() / 2 / divisor)


@pytest.mark.parametrize("reduction", ["relative", "sum", "mean_chw", "paper"])
def test_gradient(reduction):
    gram = term(reduction=reduction)
    reference = gram.reference(feats(2))

    def function(x: torch.Tensor) -> torch.Tensor:
        return gram.score(gram.measure({"a": x}, reference), reference)["a"]

    assert torch.autograd.gradcheck(function, feats(1)["a"].requires_grad_())


def test_bfloat16_features_are_summed_in_float32():
    x = {"a": torch.ones(1, 2, 100, 100, dtype=torch.bfloat16)}
    m = term().measure(x, {})["a"]
    assert m.dtype == torch.float32
    assert m[-1, 0].item() == 10_000  # bfloat16 would stop at 256


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"normalize": "wh"}, "normalize is 'wh'; give one of none, hw, chw"),
        ({"reduction": "max"}, "reduction is 'max'; give one of relative, sum, mean, mean_chw, paper"),
        ({"layer_reduction": "x"}, "layer_reduction is 'x'; give one of sum, mean"),
        ({"weight": -1.0}, "weight is -1; give 0 or more"),
        ({"layers": {"a": -1.0}}, "layers.a is -1; give 0 or more"),
    ],
)
def test_an_invalid_option_is_refused_by_its_name(options, line):
    with pytest.raises(ValueError) as error:
        term(**options)
    assert str(error.value) == line
