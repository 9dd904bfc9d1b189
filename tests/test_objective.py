"""Regions in the objective: their areas, masks at the layers' sizes, styles mixed inside a region."""

import pytest
import torch

from nst.losses import Content, Gram, TotalVariation
from nst.objective import Objective, Target
from nst.tiling.memmap import Paged


@pytest.fixture
def objective(wavelet) -> Objective:
    style = Gram(layers={"s0": 1, "s1": 2}, weight=1, normalize="hw", reduction="relative", layer_reduction="mean")
    content = Content(layers={"s1": 1}, weight=1, reduction="relative", layer_reduction="mean")
    tv = TotalVariation(layers={"image": 1}, weight=1, form="squared_mean_9")
    return Objective(backbone=wavelet, terms={"content": content, "style": style, "tv": tv})


def left(fraction: float = 0.5) -> torch.Tensor:
    """A mask of the left part of the picture."""
    mask = torch.zeros(1, 1, 24, 32)
    mask[..., : round(32 * fraction)] = 1
    return mask


def test_a_white_mask_is_no_mask(objective, noise) -> None:
    plain = objective.references(noise(), [Target(noise(seed=1))])
    white = objective.references(noise(), [Target(noise(seed=1), mask=torch.ones(1, 1, 24, 32))])
    one, other = (objective(noise(seed=2), references) for references in (plain, white))
    for term, losses in one.items():
        for layer, loss in losses.items():
            torch.testing.assert_close(other[term][layer], loss, rtol=1e-5, atol=1e-7)


def test_the_style_term_is_the_sum_of_its_regions_weighted_by_area(objective, noise) -> None:
    a, b, image = noise(seed=1), noise(seed=2), noise(seed=3)
    mask = left(0.25)
    both = objective(image, objective.references(noise(), [Target(a, mask=mask), Target(b, mask=1 - mask)]))
    features, term = objective.backbone(image), objective.terms["style"]
    for layer, stride in (("s0", 1), ("s1", 2)):
        expected = 0.0
        for style, where, area in ((a, mask, 0.25), (b, 1 - mask, 0.75)):
            layer_masks = {k: torch.nn.functional.avg_pool2d(where, n) for k, n in (("s0", 1), ("s1", 2))}
            reference = term.reference(objective.backbone(style))
            expected += area * term.score(term.measure(features, reference, layer_masks), reference)[layer]
        torch.testing.assert_close(both["style"][layer], expected, msg=f"{layer}, stride {stride}")


def test_the_gradient_of_a_region_s_style_stays_in_the_region(objective, noise) -> None:
    image = noise(seed=3).requires_grad_()
    objective(image, objective.references(noise(), [Target(noise(seed=1), mask=left())]))["style"]["s0"].backward()
    assert image.grad is not None
    assert image.grad[..., :12].abs().max() > 1e-6
    assert image.grad[..., 20:].abs().max() == 0  # the receptive field reaches 4 pixels further


def test_styles_of_one_region_are_mixed_by_their_weights(objective, noise) -> None:
    a, b, mask = noise(seed=1), noise(seed=2), left()
    (mixed,) = objective.references(noise(), [Target(a, 1, mask), Target(b, 3, mask.clone())])["style"]
    single = [objective.references(noise(), [Target(x)])["style"][0].stats["s0"] for x in (a, b)]
    torch.testing.assert_close(mixed.stats["s0"], 0.25 * single[0] + 0.75 * single[1])
    assert mixed.area == 0.5


def test_weights_that_sum_to_zero_in_a_region_are_refused_by_name(objective, noise) -> None:
    styles = [Target(noise(), 0, left(), "sky"), Target(noise(), 1, 1 - left(), "town")]
    with pytest.raises(ValueError, match="the weights of the styles sky sum to 0; give one of them more than 0"):
        objective.references(noise(), styles)


def test_a_region_smaller_than_a_feature_is_refused_in_one_line(objective, noise) -> None:
    dot = torch.zeros(1, 1, 24, 32)
    dot[..., 5, 5:7] = 1  # two pixels: half a position of s1
    with pytest.raises(ValueError, match=r"region of style dot covers 0.5 of one feature of layer s1 at 32 x 24 px"):
        objective.references(noise(), [Target(noise(), mask=dot, name="dot"), Target(noise(), mask=1 - dot)])


def test_the_sampling_step_reaches_every_term(objective) -> None:
    objective.set_sampling_step(7)
    assert {term.sampling_step for _, term in objective.named()} == {7}


def test_the_maps_of_a_tiled_picture_lie_in_files_and_serve_the_whole_picture_too(objective, noise) -> None:
    cut = Objective(backbone=objective.backbone, terms=dict(objective.named()), cut=16)
    references = cut.references(noise(), [Target(noise(seed=1))])
    (kept,) = references["content"]
    assert isinstance(kept.maps["s1"], Paged)
    assert all(value.dim() == 0 for value in kept.stats.values())
    expected = objective(noise(seed=2), objective.references(noise(), [Target(noise(seed=1))]))
    for one in (cut, objective):  # the same picture is not tiled if each process takes it as a whole
        losses = one(noise(seed=2), references)
        torch.testing.assert_close(losses["content"]["s1"], expected["content"]["s1"], rtol=1e-5, atol=1e-7)


def test_where_layers_have_one_unit_no_scale_is_measured_by_the_little_that_it_has(wavelet, noise) -> None:
    """Fine noise has next to nothing at the coarse scales."""
    layers = {"w0": 1.0, "w3": 1.0}
    wavelet.layers, wavelet.comparable = tuple(layers), True
    terms = {"content": Content(layers=layers, weight=1, reduction="relative", layer_reduction="mean")}
    image = noise(96, 128)
    kept = Objective(backbone=wavelet, terms=terms).references(image, [])["content"][0].stats
    own = terms["content"].reference(wavelet(image))
    assert kept["w0 divisor"] == own["w0 divisor"]
    assert kept["w3 divisor"] > 10 * own["w3 divisor"]


def growing(wavelet, **from_edge: int) -> Objective:
    wavelet.layers = ("s0", "s1")
    style = Gram(layers={"s0": 1, "s1": 2}, weight=1, normalize="hw", reduction="relative", layer_reduction="mean")
    return Objective(backbone=wavelet, terms={"style": style}, from_edge=from_edge)


def test_a_small_picture_is_measured_as_if_the_layers_of_larger_ones_were_not_there(wavelet, noise) -> None:
    objective = growing(wavelet, s1=100)
    small = objective.for_edge(99)
    losses = small(noise(), small.references(noise(), [Target(noise(seed=1))]))["style"]
    whole = objective(noise(), objective.references(noise(), [Target(noise(seed=1))]))["style"]
    assert list(losses) == ["s0"]
    assert losses["s0"] == 2 * whole["s0"]  # the mean of one layer, not of two
    assert (small.smallest, objective.smallest) == (2, 4)
    assert (small.backbone.layers, objective.backbone.layers) == (("s0",), ("s0", "s1"))
    assert objective.for_edge(100) is objective
    assert objective.for_edge(50) is small


def test_a_picture_too_small_for_every_layer_of_a_term_is_refused(wavelet) -> None:
    with pytest.raises(ValueError, match=r"layers.style has none for a shorter edge of 64 px, but from 100 px on"):
        growing(wavelet, s0=100, s1=200).for_edge(64)


def test_a_content_of_one_colour_is_measured_by_noise_of_every_scale(wavelet) -> None:
    layers = {"w0": 1.0, "w3": 1.0}
    wavelet.layers, wavelet.comparable = tuple(layers), False
    terms = {"content": Content(layers=layers, weight=1, reduction="relative", layer_reduction="mean")}
    image = torch.full((1, 3, 96, 128), 0.3)
    kept = Objective(backbone=wavelet, terms=terms).references(image, [])["content"][0].stats
    fine, coarse = kept["w0 divisor"] / (96 * 128), kept["w3 divisor"] / (12 * 16)
    assert coarse / fine > 0.1  # of white noise 0.003
