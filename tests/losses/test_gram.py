import numpy as np
import pytest
import torch

from nst.losses import Gram
from nst.losses.gram import moments

OPTIONS = {"normalize": "hw", "reduction": "relative", "layer_reduction": "sum"}


def term(**options) -> Gram:
    return Gram(layers={"a": 2.0}, weight=1.0, **{**OPTIONS, **options})


def feats(seed: int = 0, channels: int = 4, height: int = 5, width: int = 6) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {"a": torch.randn(1, channels, height, width, dtype=torch.float64, generator=generator)}


def loss(gram: Gram, x, s) -> torch.Tensor:
    reference = gram.reference(s)
    return gram.score(gram.measure(x, reference), reference)["a"]


def test_moments_hold_gram_sums_and_count():
    f = feats()["a"]
    m = moments(f).numpy()
    flat = f[0].flatten(1).numpy()
    assert np.allclose(m[:4, :4], np.einsum("ip,jp->ij", flat, flat))
    assert np.allclose(m[:4, 4], flat.sum(1))
    assert np.allclose(m[4, :4], flat.sum(1))
    assert m[4, 4] == 30


@pytest.mark.parametrize("normalize", ["none", "hw", "chw"])
@pytest.mark.parametrize("reduction", ["relative", "sum", "mean", "mean_chw", "paper"])
def test_every_convention_equals_its_formula(normalize, reduction):
    x, s = feats(1), feats(2)
    n, m = 4, 30
    g, a = (np.einsum("cij,dij->cd", v["a"][0].numpy(), v["a"][0].numpy()) for v in (x, s))
    divisor = {"none": 1, "hw": m, "chw": n * m}[normalize]
    g, a = g / divisor, a / divisor
    squared = ((g - a) ** 2).sum()
    expected = {
        "relative": squared / (a**2).sum(),
        "sum": squared,
        "mean": squared / n**2,
        "mean_chw": squared / n**2 / (n * m),
        "paper": squared / (4 * n**2 * m**2),
    }[reduction]
    got = loss(term(normalize=normalize, reduction=reduction), x, s)
    assert got.item() == pytest.approx(2 * expected, rel=1e-12)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("masked", [False, True])
def test_the_gradient_of_all_moments_is_that_of_double_precision(memory, dtype, masked):
    generator = torch.Generator().manual_seed(0)
    f = torch.randn(1, 24, 40, 33, generator=generator).to(dtype).to(memory_format=memory)
    mask = torch.rand(1, 1, 40, 33, generator=generator).to(dtype) if masked else None
    weights = torch.randn(25, 25, generator=generator).to(dtype)
    found = []
    for kind in (dtype, torch.float64):
        at = f.to(kind).requires_grad_()
        m = moments(at, None if mask is None else mask.to(kind))
        found.append((m.double(), torch.autograd.grad((m * weights.to(m.dtype)).sum(), at)[0].double()))
    for got, expected in zip(*found, strict=True):
        assert (got - expected).norm() < (0.01 if dtype == torch.bfloat16 else 1e-5) * expected.norm()


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
    both = ({**v, "b": v["a"]} for v in (x, s))
    x, s = both
    for how, divisor in (("sum", 1), ("mean", 2)):
        gram = Gram(layers={"a": 1.0, "b": 3.0}, weight=1.0, **{**OPTIONS, "layer_reduction": how})
        shares = gram.score(gram.measure(x, {}), gram.reference(s))
        assert shares["b"].item() == pytest.approx(3 * shares["a"].item())
        assert shares["a"].item() == pytest.approx(loss(term(), x, s).item() / 2 / divisor)


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
        ({"reduction": "max"}, "reduction is 'max'"),
        ({"layer_reduction": "x"}, "layer_reduction is 'x'"),
    ],
)
def test_an_unknown_convention_is_refused(options, line):
    with pytest.raises(ValueError, match=line):
        term(**options)


def test_a_negative_weight_is_refused():
    with pytest.raises(ValueError, match="weights of 0 or more"):
        Gram(layers={"a": -1.0}, weight=1.0, **OPTIONS)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_the_gradient_of_moments_is_right_in_either_order_of_memory(memory, masked) -> None:
    generator = torch.Generator().manual_seed(0)
    f = torch.randn(1, 3, 4, 5, dtype=torch.float64, generator=generator).to(memory_format=memory).requires_grad_()
    mask = torch.rand(1, 1, 4, 5, dtype=torch.float64, generator=generator) if masked else None
    assert torch.autograd.gradcheck(lambda x: moments(x, mask), f)
    (gradient,) = torch.autograd.grad(moments(f, mask).sum(), f)
    assert gradient.is_contiguous(memory_format=memory)
