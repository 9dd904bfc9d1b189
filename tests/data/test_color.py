"""Colour transfer, against NumPy and scikit-image."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from nst.data import color
from nst.data.color import Color


@pytest.fixture
def pair(noise):
    """Return a content and a style with colours well inside the gamut."""
    tint = torch.tensor([0.2, 0.1, 0.3]).view(1, 3, 1, 1)
    return 0.4 + 0.2 * noise(seed=1), 0.3 * noise(30, 20, seed=2) ** 2 + tint


def statistics(image):
    rows = image[0].flatten(1).double().numpy()
    return rows.mean(1), np.cov(rows, bias=True)


def test_match_gives_the_mean_and_covariance_of_the_content(pair) -> None:
    content, style = pair
    for got, wanted in zip(statistics(color.match(style, content)), statistics(content), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-5)  # the floor of 1e-6 under the eigenvalues


def test_match_with_itself_changes_nothing_and_a_flat_style_stays_finite(pair) -> None:
    _, style = pair
    torch.testing.assert_close(color.match(style, style), style, atol=1e-4, rtol=0)
    flat = color.match(torch.full((1, 3, 4, 4), 0.3), style)
    assert torch.isfinite(flat).all()
    np.testing.assert_allclose(statistics(flat)[0], statistics(style)[0], atol=1e-5)


def test_histogram_gives_every_channel_the_quantiles_of_the_content(pair) -> None:
    content, style = pair
    got = color.histogram(style, content)
    assert got.shape == style.shape
    levels = torch.linspace(0.05, 0.95, 7)
    for channel in range(3):
        quantiles = [image[0, channel].flatten().quantile(levels) for image in (got, content)]
        torch.testing.assert_close(*quantiles, atol=0.005, rtol=0)  # 600 pixels against 768


def test_keep_luminance_keeps_lightness_and_takes_the_colours_of_the_content(pair) -> None:
    content, _ = pair
    image = (0.45 + 0.1 * torch.rand(1, 1, 24, 32, generator=torch.Generator().manual_seed(5))).expand(1, 3, 24, 32)
    got, a, b = (rgb2lab(x[0].permute(1, 2, 0).numpy()) for x in (color.keep_luminance(image, content), image, content))
    np.testing.assert_allclose(got[..., 0], a[..., 0], atol=0.01)
    np.testing.assert_allclose(got[..., 1:], b[..., 1:], atol=0.05)


def test_keep_luminance_of_the_content_itself_and_at_another_size(pair) -> None:
    content, _ = pair
    torch.testing.assert_close(color.keep_luminance(content, content), content, atol=1e-4, rtol=0)
    assert color.keep_luminance(content[..., :12, :16], content).shape == (1, 3, 12, 16)


def test_luminance_makes_grey_and_matches_mean_and_deviation(pair) -> None:
    content, style = pair
    grey, (matched,) = Color(before="luminance", after="none").before(content, [style])
    for image in (grey, matched):
        assert torch.equal(image[:, 0], image[:, 2])
    torch.testing.assert_close(matched.mean(), grey.mean(), atol=2e-3, rtol=0)
    torch.testing.assert_close(matched.std(), grey.std(), atol=2e-3, rtol=0)


def test_before_and_after_combine(pair) -> None:
    content, style = pair
    both = Color(before="match", after="keep_luminance")
    seen, (changed,) = both.before(content, [style])
    assert seen is content
    assert torch.equal(changed, color.match(style, content))
    assert torch.equal(both.after(content / 2, content), color.keep_luminance(content / 2, content))
    none = Color(before="none", after="none")
    assert none.before(content, [style])[1][0] is style
    assert none.after(style, content) is style


def test_unknown_choices_are_refused() -> None:
    with pytest.raises(ValueError, match=r"color.before is 'x'; give one of none, match, histogram, luminance"):
        Color(before="x", after="none")
    with pytest.raises(ValueError, match=r"color.after is 'x'; give one of none, keep_luminance"):
        Color(before="none", after="x")
