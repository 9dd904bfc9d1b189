"""What holds for every style loss: 0 at its reference, a true gradient, additive over positions if it says so."""

import re
from collections.abc import Callable

import pytest
import torch
from conftest import ROOT
from torch import Tensor

from nst import losses
from nst.losses import (
    Covariance,
    Gram,
    Histogram,
    MarkovPatches,
    MeanCovariance,
    MeanStd,
    Moment,
    NearestFeatures,
    RelaxedEarthMover,
    SlicedWasserstein,
    Term,
    Wasserstein,
    base,
)
from nst.losses.moments import moments

LAYERS = {"a": 2.0, "b": 1.0}
Make = Callable[[], Term]
RELATIVE = {"layers": LAYERS, "weight": 1.0, "reduction": "relative", "layer_reduction": "mean"}
MEAN = RELATIVE | {"reduction": "mean", "layer_reduction": "sum"}
COUNTED = {"layers": LAYERS, "weight": 1.0, "positions": 100, "candidates": 100}
TERMS: dict[str, Make] = {
    "covariance": lambda: Covariance(**RELATIVE),
    "covariance mean": lambda: Covariance(**MEAN),
    "gram": lambda: Gram(**RELATIVE, normalize="hw"),
    "gram of the paper": lambda: Gram(**MEAN | {"reduction": "paper"}, normalize="none"),
    "mean and covariance": lambda: MeanCovariance(layers=LAYERS, weight=1.0),
    "mean and covariance, roots": lambda: MeanCovariance(layers=LAYERS, weight=1.0, reduction="root"),
    "meanstd": lambda: MeanStd(**RELATIVE),
    "meanstd mean": lambda: MeanStd(**MEAN),
    "wasserstein": lambda: Wasserstein(**RELATIVE, ridge=1e-4),
    "wasserstein mean": lambda: Wasserstein(**MEAN, ridge=1e-4),
    "moment": lambda: Moment(**RELATIVE),
    "moment mean": lambda: Moment(**MEAN),
    "sliced": lambda: SlicedWasserstein(**RELATIVE, projections=5, positions=100),
    "sliced mean": lambda: SlicedWasserstein(**MEAN, projections=5, positions=100),
    "histogram": lambda: Histogram(**RELATIVE, positions=100),
    "cnnmrf": lambda: MarkovPatches(**RELATIVE, patch=2, positions=100, candidates=100),
    "nnfm": lambda: NearestFeatures(**COUNTED, layer_reduction="mean"),
    "remd": lambda: RelaxedEarthMover(**COUNTED, distance="cosine"),
    "remd euclidean": lambda: RelaxedEarthMover(**COUNTED, distance="euclidean"),
}


def of(wanted: Callable[[Term], bool]) -> pytest.MarkDecorator:
    chosen = {name: make for name, make in TERMS.items() if wanted(make())}
    return pytest.mark.parametrize("make", chosen.values(), ids=chosen)


every = of(lambda term: True)
additive = of(lambda term: term.additive)
pointwise = of(lambda term: not isinstance(term, RelaxedEarthMover | MarkovPatches))
"""Losses of single positions; the other two read neighbours across a region's border."""
scaled = of(lambda term: getattr(term, "reduction", "") == "relative" and not isinstance(term, MeanStd | Moment))
"""Losses that ignore the features' scale; the last two have an epsilon in squared feature units."""


def maps(seed: int, *, channels: int = 3, size: tuple[int, int] = (6, 8), gain: float = 1.0) -> dict[str, Tensor]:
    """Features of two layers in float64, the second with half the size; some are almost 0, as after a leaky ReLU."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {"a": size, "b": (size[0] // 2, size[1] // 2)}
    make = {k: torch.randn(1, channels, *s, generator=generator, dtype=torch.float64) for k, s in shapes.items()}
    return {k: gain * (v + 0.7).relu() + 0.01 * v for k, v in make.items()}


def loss(term: Term, features: dict[str, Tensor], reference: dict[str, Tensor], mask: object = None) -> Tensor:
    total = term.measure(features, reference, mask)
    return torch.stack(list(term.score(total, reference).values())).sum()


def test_every_style_loss_is_in_the_list() -> None:
    classes = [value for value in vars(losses).values() if isinstance(value, type) and issubclass(value, Term)]
    assert {type(make()) for make in TERMS.values()} == {kind for kind in classes if kind.of == "style"}


def test_the_example_in_contributing_is_a_loss() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "CONTRIBUTING.md").read_text(), flags=re.S | re.M)
    names = vars(base) | {"moments": moments}
    exec(next(block for block in blocks if "class Mean(Term)" in block), names)
    term, image, style = names["Mean"](layers=LAYERS, weight=1.0), maps(1), maps(0)
    squared = {k: (image[k].mean((0, 2, 3)) - style[k].mean((0, 2, 3))).square().sum() for k in LAYERS}
    expected = (2 * squared["a"] + squared["b"]) / 2
    torch.testing.assert_close(loss(term, image, term.reference(style)), expected)


@every
def test_zero_at_the_reference_and_positive_elsewhere(make: Make) -> None:
    term, style = make(), maps(0)
    reference = term.reference(style)
    assert abs(loss(term, style, reference).item()) < 1e-9  # differences of equal sums in float64
    term.sampling_step = 5  # another sample holds the same positions if it holds all
    assert abs(loss(term, style, reference).item()) < 1e-9
    assert loss(term, maps(1), reference).item() > 1e-3


@every
def test_gradient_in_float64(make: Make) -> None:
    term, image = make(), maps(1)
    reference = term.reference(maps(0))
    if isinstance(term, RelaxedEarthMover) and term.ground_distance == "euclidean":
        reference = {
            k: v[:3] for k, v in reference.items()
        }  # so few that the other maximum is taken, where all positions have a gradient
    leaves = [value.requires_grad_() for value in image.values()]
    assert torch.autograd.gradcheck(lambda a, b: loss(term, {"a": a, "b": b}, reference), leaves, atol=1e-6)


@every
def test_gradient_stays_finite_where_all_channels_are_flat(make: Make) -> None:
    term, flat = make(), {k: torch.zeros_like(v).requires_grad_() for k, v in maps(1).items()}
    value = loss(term, flat, term.reference(maps(0)))
    value.backward()
    assert torch.isfinite(value)
    assert all(torch.isfinite(leaf.grad).all() for leaf in flat.values() if leaf.grad is not None)


@every
def test_a_flat_style_gives_a_finite_loss(make: Make) -> None:
    term = make()
    assert torch.isfinite(loss(term, maps(1), term.reference({k: torch.zeros_like(v) for k, v in maps(0).items()})))


@additive
def test_whole_is_the_sum_of_its_parts(make: Make) -> None:
    term, image = make(), maps(1)
    reference = term.reference(maps(0))
    left, right = ({k: v[..., part] for k, v in image.items()} for part in (slice(None, 2), slice(2, None)))
    whole, first, second = (term.measure(part, reference) for part in (image, left, right))
    for layer in LAYERS:
        torch.testing.assert_close(first[layer] + second[layer], whole[layer], rtol=1e-12, atol=1e-12)


@pointwise
def test_a_mask_of_zeros_and_ones_equals_a_crop(make: Make) -> None:
    term, image = make(), maps(1, size=(4, 6))
    reference = term.reference(maps(0))
    mask = {k: torch.zeros_like(v[:, :1]) for k, v in image.items()}
    for value in mask.values():
        value[..., : value.shape[-1] // 3 * 2] = 1
    cut = {k: v[..., : v.shape[-1] // 3 * 2] for k, v in image.items()}
    torch.testing.assert_close(loss(term, image, reference, mask), loss(term, cut, reference), rtol=1e-9, atol=1e-12)


@scaled
def test_relative_terms_ignore_the_scale_of_the_features(make: Make) -> None:
    term = make()
    small, large = (loss(term, maps(1, gain=g), term.reference(maps(0, gain=g))) for g in (1.0, 1000.0))
    torch.testing.assert_close(small, large, rtol=0.05, atol=0)  # the 0.01 leak of the ReLU is not scaled


@additive
def test_mixing_one_picture_with_itself_changes_nothing(make: Make) -> None:
    term = make()
    reference = term.reference(maps(0))
    mixed = term.mix([reference, reference], [0.25, 0.75])
    torch.testing.assert_close(loss(term, maps(1), mixed), loss(term, maps(1), reference), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SlicedWasserstein(**RELATIVE, projections=3, positions=7),
        lambda: Histogram(**RELATIVE, positions=7),
        lambda: MarkovPatches(**RELATIVE, patch=3, positions=7, candidates=9),
        lambda: NearestFeatures(layers=LAYERS, weight=1, layer_reduction="mean", positions=7, candidates=9),
        lambda: RelaxedEarthMover(layers=LAYERS, weight=1, distance="cosine", positions=7, candidates=9),
    ],
    ids=["sliced", "histogram", "cnnmrf", "nnfm", "remd"],
)
def test_samples_are_bounded_repeatable_and_different_at_every_step(make: Make) -> None:
    term, image = make(), maps(1, size=(20, 30))
    assert not term.additive
    reference = term.reference(maps(0, size=(25, 20)))
    assert all(len(value) <= 9 for value in reference.values())
    first, again = term.measure(image, reference), term.measure(image, reference)
    term.sampling_step = 1
    other = term.measure(image, reference)
    for layer, value in first.items():
        assert len(value) == 7
        assert torch.equal(value, again[layer])
        assert not torch.equal(value, other[layer])
