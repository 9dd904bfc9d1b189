import itertools

import pytest
import torch

from nst.networks import Moments, Transformer, UNet, fixed_moments
from nst.networks.known_styles import StyleNorm

MADE = {
    "transformer": lambda blocks, styles: Transformer(width=4, blocks=blocks, styles=styles),
    "unet": lambda blocks, styles: UNet(widths=[4, 4, 8, 8], blocks=blocks, styles=styles),
}


@pytest.fixture(params=MADE)
def network(request):
    torch.manual_seed(0)
    return MADE[request.param](2, 3).eval()


def differing(network):
    """Return the network with norms that differ from style to style."""
    for module in network.modules():
        if isinstance(module, StyleNorm):
            for rows in (module.scales, module.shifts):
                for row in rows:
                    row.data.add_(0.3 / module.speed * torch.randn_like(row))
    return network


@torch.no_grad()
def test_the_picture_has_the_photographs_size_and_range(network, noise):
    out = network(noise(32, 48), torch.eye(3)[:1])
    assert out.shape == (1, 3, 32, 48)
    assert out.min() >= 0 and out.max() <= 1


def test_a_style_norm_gives_each_channel_the_styles_deviation_and_mean():
    norm = StyleNorm(2, 2)
    norm.scales[1].data = torch.tensor([2.0, 3.0])
    norm.shifts[1].data = torch.tensor([-1.0, 5.0])
    y = norm(torch.randn(1, 2, 16, 16, generator=torch.Generator().manual_seed(0)) * 7 + 3, torch.eye(2)[1:])
    assert torch.allclose(y.mean((2, 3)), torch.tensor([[-1.0, 5.0]]), atol=1e-5)  # float32 sums of 256 numbers
    assert torch.allclose(y.std((2, 3), correction=0), torch.tensor([[2.0, 3.0]]), atol=1e-4)


@torch.no_grad()
def test_each_style_differs_and_the_mix_of_two_changes_continuously(network, noise):
    differing(network)
    photo, (one, two) = noise(32, 32), torch.eye(3)[:2, None]
    ends = network(photo, one), network(photo, two)
    whole = (ends[0] - ends[1]).abs().mean()
    assert whole > 0.01
    path = [network(photo, torch.lerp(one, two, t)) for t in torch.linspace(0, 1, 21)]
    steps = torch.stack([(a - b).abs().mean() for a, b in itertools.pairwise(path)])
    assert torch.equal(path[0], ends[0])
    assert steps.max() < 5 * whole / 20  # no jump: each of 20 steps is near a twentieth of the way
    assert steps.min() > 0


@torch.no_grad()
def test_a_new_style_leaves_the_others_bit_identical(network, noise):
    differing(network)
    photo = noise(24, 24)
    before = [network(photo, torch.eye(3)[i : i + 1]) for i in range(3)]
    new = network.add_style()
    for parameter in new:
        parameter.data.add_(1.0)
    assert network.styles == 4
    after = [network(photo, torch.eye(4)[i : i + 1]) for i in range(4)]
    assert all(torch.equal(a, b) for a, b in zip(before, after))
    assert not torch.equal(after[3], after[0])


def test_moments_are_fixed_to_the_first_input_inside_the_block_only():
    moments = Moments()
    x, y = torch.randn(1, 2, 4, 4), torch.randn(1, 2, 8, 8)
    with fixed_moments(moments, lambda: moments(x)):
        kept = moments(y)
    assert torch.equal(kept[0], x.mean((2, 3), keepdim=True))
    assert torch.allclose(moments(y)[0], y.mean((2, 3), keepdim=True))


@torch.no_grad()
@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("blocks", [1, 3])
def test_values_beyond_the_halo_have_no_effect(kind, blocks, noise):
    network = MADE[kind](blocks, 1).eval()
    edge = network.halo * 2 + 8
    photo, mix = noise(edge, edge), torch.ones(1, 1)
    other = photo.clone()
    middle = slice(network.halo, network.halo + 8)
    frame = torch.ones(edge, edge, dtype=torch.bool)
    frame[4:-4, 4:-4] = False
    with fixed_moments(network, lambda: network(photo, mix)):
        a = network(photo, mix)[..., middle, middle]
        b = network(torch.where(frame, 0.5, other), mix)[..., middle, middle]
    assert torch.equal(a, b) or (a - b).abs().max() < 1e-6
