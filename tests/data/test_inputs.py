"""Content, styles and masks read together."""

import numpy as np
import pytest
import torch
from PIL import Image

from nst.data import inputs
from nst.data.color import Color
from nst.data.library import ImageSource


@pytest.fixture
def paths(tmp_path):
    rng = np.random.default_rng(0)
    out = [tmp_path / f"{name}.png" for name in ("content", "a", "b")]
    for path, size in zip(out, ((20, 30), (16, 16), (24, 12)), strict=True):
        Image.fromarray(rng.integers(0, 255, (*size, 3), np.uint8)).save(path)
    mask = np.zeros((20, 20), np.uint8)
    mask[:, :10] = 255
    Image.fromarray(mask).save(tmp_path / "left.png")
    return out


def test_styles_keep_their_weights_and_get_masks_that_sum_to_1(paths, tmp_path):
    sources = [
        ImageSource("content"),
        ImageSource("a", weight=2.0, scale=0.5, mask=tmp_path / "left.png"),
        ImageSource("b"),
    ]
    loaded = inputs.load(sources, paths, color=Color(before="none", after="none"), max_megapixels=1)
    assert [(style.name, style.weight, style.scale) for style in loaded.styles] == [("a", 2.0, 0.5), ("b", 1.0, 1.0)]
    assert loaded.keep is None and loaded.content is loaded.original.rgb
    assert torch.allclose(sum(style.mask for style in loaded.styles), torch.ones(1, 1, 20, 30))
    (remark,) = loaded.remarks
    assert remark.endswith("left.png is 20 x 20 but the content is 30 x 20: it is stretched over the content")


def test_colours_are_matched_and_the_content_is_kept_where_its_mask_is_white(paths, tmp_path):
    sources = [ImageSource("content", mask=tmp_path / "left.png"), ImageSource("a"), ImageSource("b")]
    loaded = inputs.load(sources, paths, color=Color(before="luminance", after="none"), max_megapixels=1)
    assert torch.equal(loaded.content[:, 0], loaded.content[:, 2])
    assert not torch.equal(loaded.original.rgb[:, 0], loaded.original.rgb[:, 2])
    row = loaded.styles[0].mask[0, 0, 0].tolist()
    assert (row[:14], row[-14:]) == ([0.0] * 14, [1.0] * 14)  # the edge, at 15, is resampled
