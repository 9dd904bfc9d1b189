"""The closed form of losses of moments, which a GPU takes, is the loss that the processor takes."""

import pytest
import torch

from nst.losses import Covariance, Gram, MeanCovariance, MeanStd

LAYERS = {"a": 1.0, "b": 2.0}
COVARIANCES = [
    Covariance(layers=LAYERS, weight=1.0, reduction=reduction, layer_reduction=layers)
    for reduction in ("relative", "mean", "sum")
    for layers in ("sum", "mean")
]
GRAMS = [
    Gram(layers=LAYERS, weight=1.0, normalize=normalize, reduction=reduction, layer_reduction="mean")
    for normalize in ("hw", "chw")
    for reduction in ("relative", "mean", "sum")
]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("term", [MeanCovariance(layers=LAYERS, weight=1.0), *COVARIANCES, *GRAMS])
def test_value_and_gradient_are_those_of_autograd(term, masked):
    generator = torch.Generator().manual_seed(0)

    def maps(count: int) -> dict[str, torch.Tensor]:
        return {name: torch.rand(1, 6, count, 9, generator=generator, dtype=torch.float64) for name in LAYERS}

    reference = term.reference({name: values.square() for name, values in maps(8).items()})
    features = {name: values.requires_grad_() for name, values in maps(7).items()}
    mask = {name: torch.rand(1, 1, 7, 9, generator=generator) for name in LAYERS} if masked else None
    found = []
    for kept in (reference, reference | term.closed_form(reference)):
        losses = term.score(term.measure(features, kept, mask), kept)
        found.append((torch.stack(list(losses.values())), torch.autograd.grad(sum(losses.values()), features.values())))
    (plain, gradients), (closed, others) = found
    torch.testing.assert_close(closed, plain, rtol=1e-12, atol=0)  # rounding of float64
    for one, other in zip(gradients, others, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-10, atol=1e-12)


def test_what_is_no_sum_of_squares_of_one_size_has_none():
    for term in (
        MeanStd(layers=LAYERS, weight=1.0, reduction="relative", layer_reduction="mean"),
        Gram(layers=LAYERS, weight=1.0, normalize="none", reduction="paper", layer_reduction="sum"),
    ):
        reference = {name: torch.rand(7, 7, dtype=torch.float64) for name in LAYERS}
        assert term.closed_form(reference) == {}
        assert term.prepare(reference) is reference  # on the processor
