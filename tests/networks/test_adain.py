import torch

from nst.networks import Adain, StyleBlend
from nst.networks.instance_norm import mean_deviation


def network():
    torch.manual_seed(0)
    return Adain(width=4, channels=12, blocks=1).eval()


def blend(one, *styles, weights=None, strength=1.0):
    looks = [one.style_statistics(style) for style in styles]
    means, deviations = (torch.cat([look[i] for look in looks])[None] for i in (0, 1))
    shares = torch.tensor(weights or [1 / len(styles)] * len(styles))[None, :, None, None]
    return StyleBlend(means, deviations, shares, strength)


@torch.no_grad()
def test_the_statistics_of_the_features_equal_the_styles(noise):
    one = network().double()
    photo, style = noise(32, 48, dtype=torch.float64), noise(40, 32, seed=1, dtype=torch.float64) ** 2
    features = one.encoder(photo)
    out = mean_deviation(one.normalise(features, blend(one, style))[0])
    wanted = mean_deviation(one.encoder(style))
    assert torch.allclose(out[0], wanted[0], atol=1e-9)
    # the epsilon under the root is in both deviations: that of what is divided makes the result smaller by its share
    inside = features.var((2, 3), correction=0)
    gain = (inside / (inside + 1e-5)).sqrt()[..., None, None]
    assert torch.allclose((out[1].square() - 1e-5).sqrt(), gain * wanted[1], atol=1e-9)


@torch.no_grad()
def test_strength_0_gives_the_reconstruction_and_strength_half_lies_between(noise):
    one = network()
    photo, style = noise(32, 32), noise(32, 32, seed=1)
    features = one.encoder(photo)
    assert torch.equal(
        one(photo, blend(one, style, strength=0.0)), one.decoder(features, mean_deviation(features), 0.0)
    )
    ends = features, one.normalise(features, blend(one, style))[0]
    half, _ = one.normalise(features, blend(one, style, strength=0.5))
    assert torch.allclose(half, (ends[0] + ends[1]) / 2, atol=1e-5)  # float32


@torch.no_grad()
def test_two_styles_mix_by_their_weights(noise):
    one = network()
    photo, a, b = noise(32, 32), noise(32, 32, seed=1), noise(32, 32, seed=2) ** 3
    features = one.encoder(photo)
    alone = [one.normalise(features, blend(one, style))[0] for style in (a, b)]
    mixed, _ = one.normalise(features, blend(one, a, b, weights=[0.25, 0.75]))
    assert torch.allclose(mixed, 0.25 * alone[0] + 0.75 * alone[1], atol=1e-5)  # float32


@torch.no_grad()
def test_mask_weights_place_the_styles(noise):
    one = network()
    photo, a, b = noise(32, 32), noise(32, 32, seed=1), noise(32, 32, seed=2) ** 3
    features = one.encoder(photo)
    left = torch.zeros(1, 2, 8, 8)
    left[:, 0, :, :4] = 1
    left[:, 1, :, 4:] = 1
    both = blend(one, a, b)
    out, _ = one.normalise(features, StyleBlend(both.means, both.deviations, left))
    assert torch.allclose(out[..., :4], one.normalise(features, blend(one, a))[0][..., :4], atol=1e-5)
    assert torch.allclose(out[..., 4:], one.normalise(features, blend(one, b))[0][..., 4:], atol=1e-5)


@torch.no_grad()
def test_the_decoder_depends_on_the_statistics_and_the_strength_it_is_given(noise):
    one = network()
    photo, a, b = noise(32, 32), noise(32, 32, seed=1), noise(32, 32, seed=2) ** 3
    maps, pair = one.normalise(one.encoder(photo), blend(one, a))
    other = one.normalise(one.encoder(photo), blend(one, b))[1]
    ends = [one.decoder(maps, *told) for told in ((pair, 1.0), (other, 1.0), (pair, 0.0))]
    assert not torch.allclose(ends[0], ends[1], atol=1e-3)
    assert not torch.allclose(ends[0], ends[2], atol=1e-3)


@torch.no_grad()
def test_a_mask_reaches_every_norm_of_the_decoder(noise):
    one = network()
    photo, a, b = noise(128, 128), noise(32, 32, seed=1), noise(32, 32, seed=2) ** 3
    left = torch.zeros(1, 2, 32, 32)
    left[:, 0, :, :16] = 1
    left[:, 1, :, 16:] = 1
    both = blend(one, a, b)
    maps, whole = one.normalise(one.encoder(photo), blend(one, a))
    pair = one.normalise(one.encoder(photo), StyleBlend(both.means, both.deviations, left))[1]
    norm = one.decoder.up[1].norm
    x = noise(128, 128)[:, :1].expand(-1, norm.predict.out_channels // 2, -1, -1)
    out, alone = (
        norm(x, one.decoder.read(torch.cat([*told, torch.ones_like(told[0][:, :1])], dim=1)).relu())
        for told in (pair, whole)
    )
    assert torch.allclose(out[..., :64], alone[..., :64], atol=1e-5)  # float32
    assert not torch.allclose(out[..., 64:], alone[..., 64:], atol=1e-3)
