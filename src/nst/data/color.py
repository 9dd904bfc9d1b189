"""Colour transfer: from the content to the styles before a run, from the content to the result after it."""

import warnings
from collections.abc import Sequence

import numpy as np
import skimage  # its modules load when they are used
import torch
from torch import Tensor

from nst.data import image_io

BEFORE = ("none", "match", "histogram", "luminance")
AFTER = ("none", "keep_luminance")
LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G and B in the luma of ITU-R BT.601."""


class Color:
    """The colour transfer before and after a run.

    Args:
        before: What is done to the styles: `none`, `match`, `histogram`; or `luminance`: content and styles become
            grey, and the styles' luma gets the mean and standard deviation of the content's.
        after: What is done to the result: `none`; or `keep_luminance`: the result's lightness with the content's
            colours.
    """

    def __init__(self, *, before: str, after: str) -> None:
        if before not in BEFORE:
            raise ValueError(f"color.before is {before!r}; give one of {', '.join(BEFORE)}")
        if after not in AFTER:
            raise ValueError(f"color.after is {after!r}; give one of {', '.join(AFTER)}")
        self.how_before, self.how_after = before, after

    def before(
        self, content: Tensor, styles: Sequence[Tensor], *, opacity: Sequence[Tensor | None] = ()
    ) -> tuple[Tensor, list[Tensor]]:
        """Return the content and the styles, (1, 3, H, W) in [0, 1], as the run sees them.

        Args:
            content: The content.
            styles: The styles.
            opacity: Of the content and of each style, (1, 1, H, W) or None for opaque; what is transparent has no say.
                Empty: all are opaque.
        """
        of_content, *of_styles = opacity or [None] * (len(styles) + 1)
        change = {"none": None, "match": match, "histogram": histogram, "luminance": match_luma}[self.how_before]
        if change is None:
            return content, list(styles)
        seen = visible(content, of_content)
        out = [change(style, seen, visible(style, alpha)) for style, alpha in zip(styles, of_styles, strict=True)]
        return grey(content) if self.how_before == "luminance" else content, out

    def after(self, image: Tensor, content: Tensor) -> Tensor:
        """Return the result (1, 3, h, w) as it is saved; the content (1, 3, H, W) is resampled to its size."""
        return image if self.how_after == "none" else keep_luminance(image, content)


def visible(image: Tensor, alpha: Tensor | None) -> Tensor:
    """Return the pixels of an image that are more opaque than half, or the most opaque ones: (1, 3, 1, n)."""
    if alpha is None:
        return image
    return image[:, :, (alpha >= alpha.max().clamp_max(0.5))[0, 0]][:, :, None]


def match(style: Tensor, content: Tensor, seen: Tensor | None = None) -> Tensor:
    """Return the style with the mean and covariance of the content's colours, clipped to [0, 1].

    `x' = A (x - mu_s) + mu_c` with `A = C_c^1/2 C_s^-1/2`; mu and C are the mean and covariance of RGB over the pixels
    of the style (s) and the content (c), and the roots are symmetric.

    Args:
        style: (1, 3, H, W) in [0, 1].
        content: (1, 3, H', W') in [0, 1].
        seen: The pixels of the style that count, (1, 3, 1, n); None: all.

    Source: Gatys et al. 2016 (Preserving Color in Neural Artistic Style Transfer), equations 1 to 6, in the variant
    taken from Image Analogies.
    """
    x, y = (image[0].flatten(1).double() for image in (style if seen is None else seen, content))
    every = style[0].flatten(1).double()
    mean, wanted = x.mean(1, keepdim=True), y.mean(1, keepdim=True)
    transform = _power(y.cov(correction=0), 0.5) @ _power(x.cov(correction=0), -0.5)
    moved: Tensor = transform @ (every - mean) + wanted
    return moved.view_as(style).clamp(0, 1).to(style)


def _power(covariance: Tensor, exponent: float) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = (vectors * values.clamp_min(1e-6) ** exponent) @ vectors.T  # 1e-6: a quarter grey level, squared
    return root


def histogram(style: Tensor, content: Tensor, seen: Tensor | None = None) -> Tensor:
    """Return the style with the histogram of each RGB channel matched to the content's (`match_histograms`).

    Args: those of `match`. Values that none of the pixels that count has follow those next to them.
    """
    if seen is None or seen is style:
        return _tensor(skimage.exposure.match_histograms(_array(style), _array(content), channel_axis=-1)).clamp(0, 1)
    counted, every = _array(seen), _array(style)
    matched = skimage.exposure.match_histograms(counted, _array(content), channel_axis=-1)
    channels = []
    for c in range(3):
        values, first = np.unique(counted[..., c], return_index=True)
        channels.append(np.interp(every[..., c], values, matched[..., c].ravel()[first]))
    return _tensor(np.stack(channels, axis=-1)).clamp(0, 1)


def grey(image: Tensor) -> Tensor:
    """Return an image's luma, repeated in all three channels."""
    return _luma(image).expand_as(image).clone()


def match_luma(style: Tensor, content: Tensor, seen: Tensor | None = None) -> Tensor:
    """Return the style's luma, with the content's mean and standard deviation, clipped, repeated in all three channels.

    Args: those of `match`.

    Source: Gatys et al. 2017, section 5.1, equation 10.
    """
    luma, wanted, counted = _luma(style), _luma(content), _luma(style if seen is None else seen)
    gain = wanted.std(correction=0) / counted.std(correction=0).clamp_min(1e-3)
    return (gain * (luma - counted.mean()) + wanted.mean()).clamp(0, 1).expand_as(style).clone()


def _luma(image: Tensor) -> Tensor:
    return (image * image.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)


def keep_luminance(image: Tensor, content: Tensor) -> Tensor:
    """Return an image with its own lightness L and the content's a and b, in CIE Lab; out-of-gamut colours are clipped.

    Args:
        image: (1, 3, h, w) in [0, 1].
        content: (1, 3, H, W) in [0, 1], resampled to the image's size.

    Source: Gatys et al. 2017, section 5.1 (in YIQ).
    """
    lab = skimage.color.rgb2lab(_array(image_io.resize(content, image_io.size_of(image))))
    lab[..., 0] = skimage.color.rgb2lab(_array(image))[..., 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-image warns of the clipped colours
        return _tensor(skimage.color.lab2rgb(lab)).clamp(0, 1)


def _array(image: Tensor) -> np.ndarray:
    return image[0].permute(1, 2, 0).clamp(0, 1).double().numpy()


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array).float().permute(2, 0, 1)[None]
