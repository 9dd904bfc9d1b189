"""Resizing as the programs of the field do it, against Pillow, torchvision and torch themselves."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torchvision.transforms import Resize

from nst.data.resampling import Resampling

PILLOW = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS, "area": Image.BOX}
SMALLER, LARGER = (22, 31), (61, 90)


def as_pillow(image, size, kernel):
    planes = [Image.fromarray(plane.numpy()).resize(size[::-1], kernel) for plane in image[0]]
    return torch.from_numpy(np.stack([np.asarray(plane) for plane in planes]))[None]


@pytest.mark.parametrize(
    ("filter", "size"), [*((f, SMALLER) for f in PILLOW), ("bilinear", LARGER), ("bicubic", LARGER)]
)
def test_anti_aliased_filters_are_those_of_pillow(noise, filter, size):
    image = noise(44, 62)
    expected = as_pillow(image, size, PILLOW[filter]).clamp(image.min(), image.max())
    torch.testing.assert_close(Resampling(filter).resize(image, size), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("filter", PILLOW)
def test_quantized_pictures_are_bit_for_bit_those_that_pillow_makes_of_a_file(noise, filter):
    image = (noise(44, 61) * 255).round() / 255
    file = Image.fromarray((image[0] * 255).round().byte().permute(1, 2, 0).numpy())
    expected = np.asarray(file.resize((31, 22), PILLOW[filter]))
    found = Resampling(filter, quantize=True).resize(image, (22, 31))
    assert np.array_equal((found[0] * 255).round().byte().permute(1, 2, 0).numpy(), expected)
    assert torch.equal(found, (found * 255).round() / 255)


def test_quantized_without_anti_aliasing_is_rounded_too(noise):
    plain, quantized = (Resampling("bicubic", False, quantize=q).resize(noise(44, 61), SMALLER) for q in (False, True))
    assert torch.equal(quantized, (plain * 255).round() / 255)
    assert not torch.equal(quantized, plain)


@pytest.mark.parametrize("filter", ["bilinear", "bicubic"])
def test_without_anti_aliasing_the_nearest_pixels_are_read(noise, filter):
    """A reduction by 7 keeps the spread of noise that it reads 2 x 2 or 4 x 4 pixels of, and averages it otherwise."""
    image = noise(70, 70)
    plain = Resampling(filter, antialias=False).resize(image, (10, 10))
    expected = F.interpolate(image, (10, 10), mode=filter, align_corners=False).clamp(image.min(), image.max())
    assert torch.equal(plain, expected)
    assert Resampling(filter).resize(image, (10, 10)).std() < 0.5 * plain.std()


@pytest.mark.parametrize("filter", ["lanczos", "area"])
def test_a_filter_that_always_averages_is_refused_without_anti_aliasing(filter):
    with pytest.raises(
        ValueError, match=f"method.resample={filter} is always anti-aliased; give method.antialias=true"
    ):
        Resampling(filter, antialias=False)


@pytest.mark.parametrize(
    ("option", "words"), [("resample", ("nearest", True, "down")), ("rounding", ("area", True, "up"))]
)
def test_an_unknown_word_names_its_option(option, words):
    with pytest.raises(ValueError, match=f"method.{option}"):
        Resampling(*words)


@pytest.mark.parametrize("size", [(333, 500), (500, 333), (97, 64), (64, 97), (411, 655)])
def test_sizes_rounded_down_are_torchvision_s(size):
    for edge in (40, 63, 192):
        ours = Resampling(rounding="down").fit(size, edge, by="shortest")
        assert ours == tuple(Resize(edge)(torch.zeros(1, 3, *size)).shape[-2:])


def test_sizes_are_rounded_to_the_nearest_unless_down():
    assert Resampling().fit((333, 500), 40, by="longest") == (27, 40)  # 26.64
    assert Resampling(rounding="down").fit((333, 500), 40, by="longest") == (26, 40)
