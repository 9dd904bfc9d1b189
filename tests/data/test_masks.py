"""Masks: read, made to sum to 1, and resized to images and layers."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from nst.data import masks


def half(*, soft: int = 0, height: int = 40, width: int = 60) -> Tensor:
    """White on the left, black on the right, with an edge `soft` pixels wide."""
    x = torch.arange(width).float() + 0.5
    ramp = ((width / 2 - x) / max(soft, 1e-6) + 0.5).clamp(0, 1)
    return ramp.expand(1, 1, height, width).clone()


def test_complementary_masks_are_unchanged_without_a_remark() -> None:
    left = half(soft=20)
    divided, remarks = masks.divide([left, 1 - left], None, (40, 60))
    assert remarks == []
    assert all(m is not None for m in divided)
    torch.testing.assert_close(divided[0], left)
    torch.testing.assert_close(divided[1], 1 - left)


def test_without_masks_every_style_has_the_whole_picture() -> None:
    assert masks.divide([None, None], None, (4, 5)) == ([None, None], [])


def test_a_style_without_a_mask_takes_what_the_others_leave() -> None:
    divided, remarks = masks.divide([half(soft=8), None, None], None, (40, 60))
    assert remarks == []
    assert divided[1] is divided[2]
    torch.testing.assert_close(divided[0] + divided[1], torch.ones(1, 1, 40, 60))


def test_overlapping_masks_are_normalised_and_reported() -> None:
    divided, remarks = masks.divide([torch.ones(1, 1, 4, 4), half()], None, (40, 60))
    assert remarks == ["style masks overlap on 50 % of the picture: there each style gets its share"]
    torch.testing.assert_close(divided[0] + divided[1], torch.ones(1, 1, 40, 60))
    assert divided[1][0, 0, 0, 0].item() == pytest.approx(0.5)


def test_holes_go_to_the_nearest_region_and_are_reported() -> None:
    left, right = torch.zeros(2, 1, 1, 10, 30)
    left[..., :5], right[..., 21:] = 1, 1
    divided, remarks = masks.divide([left, right], None, (10, 30))
    assert remarks == ["style masks leave holes on 53 % of the picture: the nearest region grows into them"]
    assert divided[0][0, 0, 0].tolist() == [1.0] * 13 + [0.0] * 17
    torch.testing.assert_close(divided[0] + divided[1], torch.ones(1, 1, 10, 30))


def test_a_single_mask_leaves_the_rest_without_a_style_and_reports_it() -> None:
    divided, remarks = masks.divide([half()], None, (40, 60))
    assert remarks == ["style masks leave 50 % of the picture without a style: there only the content counts"]
    torch.testing.assert_close(divided[0], half())


def test_a_hole_of_one_pixel_in_a_single_mask_stays_finite() -> None:
    mask = torch.ones(1, 1, 40, 60)
    mask[..., 3, 3] = 0
    divided, remarks = masks.divide([mask], None, (40, 60))
    assert remarks == []  # a hole of less than a thousandth is not worth a line
    torch.testing.assert_close(divided[0], mask)


def test_equal_masks_are_one_region() -> None:
    divided, remarks = masks.divide([half(), half(), None], None, (40, 60))
    assert remarks == []
    torch.testing.assert_close(divided[0], half())


def test_the_kept_content_is_excluded_from_every_style() -> None:
    divided, remarks = masks.divide([None], half(), (40, 60))
    assert remarks == []
    torch.testing.assert_close(divided[0], 1 - half())
    with pytest.raises(ValueError, match=r"content.mask is white everywhere, so nothing is left to paint"):
        masks.divide([None], torch.ones(1, 1, 3, 3), (40, 60))


@pytest.mark.parametrize("size", [(20, 30), (80, 120), (17, 23), (5, 7)])
def test_resized_complements_still_sum_to_one(size: tuple[int, int]) -> None:
    left = half(soft=5)
    both = [masks.resize(mask, size) for mask in (left, 1 - left)]
    torch.testing.assert_close(both[0] + both[1], torch.ones(1, 1, *size), rtol=0, atol=1e-5)
    layers = [masks.follow(mask, {"x": (3, 4)})["x"] for mask in both]
    torch.testing.assert_close(layers[0] + layers[1], torch.ones(1, 1, 3, 4), rtol=0, atol=1e-5)


def test_the_mask_of_a_layer_is_the_mean_over_the_area_of_each_position() -> None:
    mask = half()
    followed = masks.follow(mask, {"x": (20, 30), "y": (40, 3)})
    torch.testing.assert_close(followed["x"], mask.unflatten(2, (20, 2)).unflatten(4, (30, 2)).mean((3, 5)))
    assert followed["y"][0, 0, 0].tolist() == [1.0, 0.5, 0.0]


def save(path: object, array: np.ndarray) -> None:
    Image.fromarray(array.astype(np.uint8)).save(path)  # type: ignore[arg-type]


def test_masks_of_the_wrong_kind_are_refused_in_one_line(tmp_path) -> None:
    save(tmp_path / "colour.png", np.stack([np.full((4, 4), v) for v in (255, 0, 0)], -1))
    save(tmp_path / "black.png", np.zeros((4, 4)))
    save(tmp_path / "clear.png", np.stack([np.full((4, 4), v) for v in (255, 255, 255, 9)], -1))
    for name, says in (
        ("colour", "is a colour picture; give a grey one"),
        ("black", "is black everywhere; make it white"),
        ("clear", "has transparent pixels; give an opaque grey picture"),
    ):
        with pytest.raises(ValueError, match=rf"mask .*{name}.png {says}") as error:
            masks.load(tmp_path / f"{name}.png")
        assert "\n" not in str(error.value)


def test_a_grey_jpeg_is_read(tmp_path) -> None:
    grey = np.tile(np.linspace(0, 255, 32), (16, 1))
    Image.fromarray(grey.astype(np.uint8)).convert("RGB").save(tmp_path / "grey.jpg")
    mask, _ = masks.load(tmp_path / "grey.jpg")
    assert mask.shape == (1, 1, 16, 32)
    np.testing.assert_allclose(mask[0, 0].numpy(), grey / 255, atol=0.03)  # JPEG


def test_a_mask_with_another_aspect_ratio_is_reported() -> None:
    assert masks.stretched("mask a.png", torch.ones(1, 1, 20, 30), (40, 60)) == []
    (line,) = masks.stretched("mask a.png", torch.ones(1, 1, 30, 30), (40, 60))
    assert line == "mask a.png is 30 x 30 but the content is 60 x 40: it is stretched over the content"
