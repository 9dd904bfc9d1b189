import pytest
import torch

from nst.networks import AnyStyle, UNet, fixed_moments
from nst.networks.any_style import SCALE

WIDTHS = [2, 4, 6, 8]


def network(embedding=5):
    torch.manual_seed(0)
    one = AnyStyle(widths=WIDTHS, blocks=1, embedding=embedding).eval()
    for module in one.modules():
        if hasattr(module, "predict"):
            module.predict.weight.data.mul_(20)
    return one


@torch.no_grad()
def test_a_style_is_told_by_means_deviations_and_covariances(noise):
    one = network().double()
    style = noise(24, 40, dtype=torch.float64) ** 2
    told = one.statistics(style)[0] / SCALE
    pixels = style[0].flatten(1)
    covariance = torch.cov(pixels, correction=0)[*torch.triu_indices(3, 3)]
    assert torch.allclose(told[:9], torch.cat([pixels.mean(1), covariance]))
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])  # ImageNet's
    seen = one.statistics.convs["1_1"]((style[0] - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)).relu().flatten(1)
    assert torch.allclose(told[9:41], seen.mean(1), atol=1e-6)
    assert torch.allclose(told[41:73].square(), seen.var(1, correction=0) + 1e-5, atol=1e-6)
    assert len(told) == one.statistics.size == 9 + 2 * (32 + 64 + 96)


@torch.no_grad()
def test_statistics_are_standardised_and_see_only_what_is_visible(noise):
    statistics = network().statistics
    styles = [noise(20, 20, seed=seed) ** (seed + 1) for seed in range(6)]
    statistics.standardise(styles)
    rows = torch.cat([statistics(style) for style in styles]) / SCALE
    assert rows.mean(0).abs().max() < 1e-4 and rows.std(0)[:3].min() > 0.3 and rows.std(0).max() < 1.2
    half = torch.zeros(1, 1, 20, 20)
    half[..., :12] = 1
    other = styles[0].clone()
    other[..., 16:] = 1 - other[..., 16:]  # further than the convolutions see
    seen, same = statistics(styles[0], half), statistics(other, half)
    assert torch.allclose(seen[:, :73], same[:, :73])
    assert not torch.allclose(statistics(styles[0])[:, :73], statistics(other)[:, :73], atol=1e-4)


@torch.no_grad()
def test_it_begins_with_what_a_network_for_known_styles_paints(noise):
    torch.manual_seed(1)
    known = UNet(widths=WIDTHS, blocks=1, styles=3).eval()
    for name, parameter in known.named_parameters():
        if ".scales." in name or ".shifts." in name:
            parameter.add_(0.2 * torch.randn_like(parameter))
    one = network()
    styles = [noise(24, 24, seed=seed) ** (seed + 1) for seed in range(3)]
    one.statistics.standardise(styles)
    one.begin_with(known, torch.cat([one.statistics(style) for style in styles]))
    one.second.weight.zero_()  # what is learned beside the straight line
    photo = noise(32, 48, seed=9)
    for i, style in enumerate(styles):
        code = one.encode_reduced(style, None, 24)
        assert torch.allclose(code[:3], torch.eye(3)[i], atol=1e-3)
        painted = one(photo, one.condition(code[None], torch.ones(1, 1, 1, 1), 1.0))
        assert torch.allclose(painted, known(photo, torch.eye(3)[i][None]), atol=1e-3)
    with pytest.raises(ValueError, match="embedding of 2"):
        network(embedding=2).begin_with(known, torch.zeros(3, one.statistics.size))
    with pytest.raises(ValueError, match="give the same"):
        one.begin_with(UNet(widths=[2, 4, 6, 9], blocks=1, styles=3), torch.zeros(3, one.statistics.size))


@torch.no_grad()
def test_styles_mix_by_weights_and_are_placed_by_masks(noise):
    one = network()
    codes = torch.randn(2, 5, generator=torch.Generator().manual_seed(3))
    photo = noise(32, 256)
    mixed = one.condition(codes, torch.tensor([1.0, 3.0]).view(1, 2, 1, 1), 1.0)
    assert torch.allclose(mixed[0, :, 0, 0], 0.25 * codes[0] + 0.75 * codes[1])
    left = torch.zeros(1, 2, 4, 32)
    left[..., 0, :, :16] = left[..., 1, :, 16:] = 1
    here = one.condition(codes, left, 1.0)
    with fixed_moments(one, lambda: one(photo, here)):
        placed = one(photo, here)
        alone = [one(photo, one.condition(codes[i : i + 1], torch.ones(1, 1, 1, 1), 1.0)) for i in range(2)]
    far = 128 - one.halo
    assert torch.allclose(placed[..., :far], alone[0][..., :far], atol=1e-5)
    assert torch.allclose(placed[..., -far:], alone[1][..., -far:], atol=1e-5)
    assert not torch.allclose(alone[0], alone[1], atol=0.1)


def test_what_tells_a_style_is_not_trained():
    one = network()
    assert not any(parameter.requires_grad for parameter in one.statistics.parameters())
    with pytest.raises(ValueError, match="embedding is 0"):
        AnyStyle(widths=WIDTHS, blocks=1, embedding=0)
