import math

import pytest
import torch

from nst.backbones import Input, Wavelet
from nst.backbones.wavelet import morlet_bank

FILTERS = {"orientations": 8, "size": 7, "sigma": 1.25, "frequency": 2.4, "slant": 0.6}
LAYERS = ["l0", "y0", "y1", "r0", "w2"]


def build(layers: list[str], **options) -> Wavelet:
    defaults = {"chroma": 1.5, "lowpass": 0.3, "input": Input(mean=[0.5] * 3, std=[1.0] * 3)}
    return Wavelet(layers=layers, **{**FILTERS, **defaults, **options})


def grating(angle: float, frequency: float = FILTERS["frequency"], edge: int = 48) -> torch.Tensor:
    """A grey wave that runs along `angle`, radians clockwise from the x-axis (y points down)."""
    y, x = torch.meshgrid(torch.arange(edge), torch.arange(edge), indexing="ij")
    wave = torch.cos(frequency * (x * math.cos(angle) + y * math.sin(angle)))
    return (0.5 + 0.3 * wave).expand(1, 3, edge, edge)


def energies(image: torch.Tensor) -> torch.Tensor:
    """Luminance energy of each orientation, both phases together, away from the border: (8)."""
    luminance = build(["w0"])(image)["w0"][0, :16, 8:-8, 8:-8]
    return luminance.square().mean((1, 2)).view(2, 8).sum(0)


def test_filters_have_no_mean_and_unit_norm():
    bank = morlet_bank(**FILTERS)
    assert bank.shape == (16, 1, 7, 7)
    assert torch.allclose(bank.sum((1, 2, 3)), torch.zeros(16), atol=1e-5)  # 49 float32 taps
    assert torch.allclose(bank.square().sum((1, 2, 3)), torch.ones(16), atol=1e-5)


def test_real_filters_are_even_and_imaginary_ones_odd():
    real, imaginary = morlet_bank(**FILTERS).chunk(2)
    assert torch.allclose(real, real.flip(-1, -2), atol=1e-6)
    assert torch.allclose(imaginary, -imaginary.flip(-1, -2), atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(37, 53), (32, 64), (9, 9)])
def test_shapes_halve_rounded_up_at_any_size(noise, height, width):
    batch = torch.cat([noise(height, width), noise(height, width, seed=1)])
    out = build(LAYERS)(batch)

    def size(level: int) -> tuple[int, int]:
        return -(-height // 2**level), -(-width // 2**level)

    channels = {"l0": 32 + 3, "y0": 32 + 96 + 3, "y1": 32 + 96 + 3, "r0": 6, "w2": 48}
    levels = {"l0": 0, "y0": 1, "y1": 2, "r0": 0, "w2": 2}
    for name, count in channels.items():
        assert out[name].shape == (2, count, *size(levels[name]))
        assert torch.isfinite(out[name]).all()


def test_pictures_of_a_batch_do_not_mix(noise):
    first, second = noise(24, 32), noise(24, 32, seed=1)
    backbone = build(LAYERS)
    alone, together = backbone(second), backbone(torch.cat([first, second]))
    for name in LAYERS:
        assert torch.allclose(alone[name], together[name][1:], atol=1e-5)  # another order of float32 sums


def test_too_small_a_picture_is_refused(noise):
    backbone = build(["y3"])
    with pytest.raises(ValueError, match="too small"):
        backbone(noise(backbone.smallest - 1, 64))
    assert torch.isfinite(backbone(noise(backbone.smallest, 64))["y3"]).all()


def test_a_signed_map_of_one_position_asks_for_no_larger_picture(noise):
    backbone = build(["y3", "w5"])
    assert backbone.smallest == build(["y3"]).smallest == 32
    assert backbone(noise(32, 33))["w5"].shape[-2:] == (1, 2)


def test_constant_picture_gives_its_colour_and_no_response():
    out = build(LAYERS)(torch.tensor([0.2, 0.5, 0.9]).view(1, 3, 1, 1).expand(1, 3, 40, 44))
    for name in ("r0", "w2"):
        assert out[name].abs().max() < 1e-5  # the filters' means, float32
    for name in ("l0", "y0", "y1"):
        assert out[name][:, :-3].abs().max() < 1e-5
        # sum, R - B, R + B - 2 G of the image less 0.5, unit norms, chroma x 1.5, low-pass gain 0.3
        expected = torch.tensor([0.1 / 3**0.5, -0.7 / 2**0.5 * 1.5, 0.1 / 6**0.5 * 1.5]) * 0.3
        assert torch.allclose(out[name][0, -3:], expected.view(3, 1, 1).expand_as(out[name][0, -3:]), atol=1e-5)


@pytest.mark.parametrize(("layer", "level"), [("l0", 0), ("r0", 0), ("w2", 2), ("y0", 1), ("y1", 2)])
def test_maps_follow_a_shift_by_whole_positions(noise, layer, level):
    step, backbone = 2**level, build([layer])
    wide = noise(96, 104)
    here, moved = backbone(wide[..., : 104 - step])[layer], backbone(wide[..., step:])[layer]
    border = 8 if level < 2 else 6  # positions of the map within reach of the mirrored border
    inner = slice(border, -border)
    assert torch.allclose(here[..., inner, border + 1 : -border], moved[..., inner, border : -border - 1], atol=1e-5)


@pytest.mark.parametrize("orientation", range(8))
def test_a_grating_excites_the_orientation_along_it(orientation):
    assert energies(grating(math.pi * orientation / 8)).argmax() == orientation


def test_a_quarter_turn_moves_the_energy_by_half_the_orientations():
    image = grating(math.pi / 8)
    turned = image.rot90(1, (-2, -1))
    assert torch.allclose(energies(turned), energies(image).roll(4), rtol=1e-3)


def test_a_phase_and_its_opposite_are_two_maps(noise):
    backbone = build(["l0", "w0"])
    out = backbone(noise())
    luminance, maps = out["w0"][:, :16], out["l0"][:, :32]
    assert torch.allclose(maps[:, :16] - maps[:, 16:], luminance, atol=1e-6)
    assert torch.allclose(maps[:, :16] + maps[:, 16:], luminance.abs(), atol=1e-6)


def test_grey_pictures_have_no_chroma(noise):
    out = build(["w0"])(noise()[:, :1].expand(-1, 3, -1, -1))["w0"]
    assert out[:, :16].abs().max() > 0.1
    assert out[:, 16:].abs().max() < 1e-5


def test_gradient_is_that_of_finite_differences(noise):
    backbone = build(["l0", "y0", "r0", "w1"], orientations=2).double()
    image = noise(6, 5, dtype=torch.float64).requires_grad_()
    # relu has no derivative at 0; a seeded picture has no response there
    assert torch.autograd.gradcheck(lambda x: tuple(backbone(x)[name] for name in backbone.layers), image, atol=1e-6)


def test_unknown_layer_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"no wavelet layer 'y9'; nearest: .*y\d"):
        build(["y9"])
