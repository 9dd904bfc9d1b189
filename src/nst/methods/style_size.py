"""The size at which a style is seen, which sets the size of its strokes."""

import math
from collections.abc import Sequence

from nst.data import image_io, masks
from nst.data.inputs import StylePicture
from nst.data.resampling import Resampling
from nst.objective import Target

SOFT = 2.0
"""A style that is enlarged by more lacks the finest strokes, which is said."""


class StyleSize:
    """Resizes the styles for a level.

    Args:
        fit: Which edge of a style is meant, see `image_io.fit`; or `content`: squashed to the content's size.
        size: Edge of the styles, pixels; None: that of the level.
        scale: Size of all strokes, over 0: multiplies the scale of every style.
        enlarge: The largest factor, 1 or more, by which a style may grow beyond its own pixels where it is not
            squashed; True for any, False for none.
        resampling: How they are resized.
    """

    def __init__(
        self, *, fit: str, size: int | None, scale: float, enlarge: bool | float, resampling: Resampling
    ) -> None:
        if size is not None and size < 2:
            raise ValueError(f"method.style_size is {size}; give 2 pixels or more, or null for the level's")
        if not scale > 0:
            raise ValueError(f"style_scale is {scale:g}; give a number over 0: 1 is the content's size")
        if not enlarge >= 1 and enlarge is not False:
            raise ValueError(
                f"method.style_enlarge is {enlarge:g}; give a factor of 1 or more, true (any) or false (none)"
            )
        self.fit, self.size, self.scale, self.resampling = fit, size, scale, resampling
        self.most = math.inf if enlarge is True else float(max(enlarge, 1))

    def target(self, style: StylePicture, edge: int, size: tuple[int, int]) -> Target:
        """Return a style, resized, with its mask at the size of the picture.

        Args:
            style: As it was read.
            edge: Edge of the level, pixels.
            size: (height, width) of the picture at the level, pixels.
        """
        mask = None if style.mask is None else masks.resize(style.mask, size)
        shown = size if self.fit == "content" else self._fitted(style, edge, most=self.most)
        alpha = None if style.alpha is None else masks.resize(style.alpha, shown)
        return Target(self.resampling.resize(style.image, shown), style.weight, mask, style.name, alpha)

    @property
    def remedy(self) -> str:
        """What to do about a style that is too small."""
        return (
            "give a larger picture for it"
            if self.scale >= 1
            else "give a larger picture for it or a larger style_scale="
        )

    def too_small(self, style: StylePicture, edge: int, size: tuple[int, int], least: int) -> str | None:
        """Return what is wrong with a style whose shorter edge has fewer than `least` pixels at a level, or None.

        Args:
            style: As it was read.
            edge: Edge of the level, pixels.
            size: (height, width) of the picture at the level, pixels.
            least: Pixels.
        """
        shown = size if self.fit == "content" else self._fitted(style, edge, most=self.most)
        if min(shown) >= least:
            return None
        height, width = image_io.size_of(style.image)
        seen = "" if shown == (height, width) else f", seen at {shown[1]} x {shown[0]}"
        return f"the style {style.name} of {width} x {height} pixels{seen} is too small"

    def remarks(self, styles: Sequence[StylePicture], edge: int) -> list[str]:
        """Return one line for each style whose strokes can't have the size that was asked for, or are soft.

        Args:
            styles: As they were read.
            edge: Edge of the largest level, pixels.
        """
        if self.fit == "content":
            return [
                f"style {style.name} is squashed to the content's size by method.style_fit: its scale has no effect"
                for style in styles
                if style.scale * self.scale != 1
            ]
        return [line for style in styles for line in self._remark(style, edge)]

    def _remark(self, style: StylePicture, edge: int) -> list[str]:
        own, got = image_io.size_of(style.image), self._fitted(style, edge, most=self.most)
        asked = self._fitted(style, edge, most=math.inf)
        has = f"style {style.name} has {own[1]} x {own[0]} pixels"
        if got != asked and (self.most > 1 or style.scale * self.scale != 1):
            seen = "" if got == own else f" and is enlarged to {got[1]} x {got[0]}"
            finer = f"strokes are finer than at the {asked[1]} x {asked[0]} that are asked for"
            return [f"{has}{seen}: {finer}; give a larger file or a smaller scale"]
        if max(got) > SOFT * max(own):
            return [f"{has} and is enlarged to {got[1]} x {got[0]}: its strokes are soft; give a larger file"]
        return []

    def _fitted(self, style: StylePicture, edge: int, *, most: float) -> tuple[int, int]:
        """Return the (height, width) at which a style is seen, at most enlarged by `most` where it is not squashed."""
        wanted, own = max(2, round((self.size or edge) * style.scale * self.scale)), image_io.size_of(style.image)
        shown = self.resampling.fit(own, wanted, by=self.fit, upscale=most > 1)
        growth = max(shown[0] / own[0], shown[1] / own[1])
        if growth <= most or self.fit == "square":
            return shown
        return self.resampling.fit(own, wanted * most / growth, by=self.fit)
