"""Windows with a halo into which an image is cut, aligned to the deepest stride, and the features that each owns."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from nst.losses.base import Term
from nst.tiling.receptive_field import Geometry, Reach


@dataclass(frozen=True)
class Span:
    """A window along one axis: it reads pixels [start, stop) and owns features with position * stride in [first, last).

    Attributes:
        start: Pixels, a multiple of the deepest stride.
        stop: Pixels.
        first: Pixels, a multiple of the deepest stride.
        last: Likewise; None for the end of the image.
    """

    start: int
    stop: int
    first: int
    last: int | None

    def positions(self, stride: int, count: int) -> tuple[int, int]:
        """Return the range of the features that it owns, counted in the window, in which a layer has `count`."""
        offset = self.start // stride
        return self.first // stride - offset, count if self.last is None else self.last // stride - offset


@dataclass(frozen=True)
class Window:
    """A tile with its halo."""

    rows: Span
    columns: Span

    def of(self, image: Tensor) -> Tensor:
        """Return the window of an image (..., H, W), as a view."""
        return image[..., self.rows.start : self.rows.stop, self.columns.start : self.columns.stop]


@dataclass(frozen=True)
class Tiling:
    """How images of any size are cut for the layers and terms in use.

    Attributes:
        geometry: Receptive field of every layer.
        align: Tiles start at multiples of this, pixels.
        halo: Pixels read before and after a tile, along rows and along columns: ((before, after), (before, after)).
        smallest: Smallest edge of a window, pixels.
    """

    geometry: Geometry
    align: int
    halo: tuple[tuple[int, int], tuple[int, int]]
    smallest: int

    def windows(self, size: tuple[int, int], edge: int) -> list[Window]:
        """Cut an image of (height, width) into tiles of about equal size, no longer than `edge` (or `align`)."""
        rows, columns = (self._spans(length, edge, self.halo[axis]) for axis, length in enumerate(size))
        return [Window(row, column) for row in rows for column in columns]

    def _spans(self, length: int, edge: int, halo: tuple[int, int]) -> list[Span]:
        out = []
        for first, end in equal_parts(length, edge, self.align):
            last = end if end < length else None
            stop = min(length, end + halo[1])
            start = max(0, min(first - halo[0], stop - self.smallest) // self.align * self.align)
            out.append(Span(start, stop, first, last))
        return out


def equal_parts(length: int, edge: int, align: int) -> list[tuple[int, int]]:
    """Cut [0, length) into parts [start, end) of about the same size, no longer than `edge`.

    All but the last end are multiples of `align`; where `edge` is smaller, a part is `align` long.
    """
    count = -(-length // max(edge, align))
    step = -(-length // (count * align)) * align
    return [(start, min(start + step, length)) for start in range(0, length, step)]


def tiling(geometry: Geometry, terms: Iterable[Term], smallest: int) -> Tiling:
    """Return the tiling for terms over layers with known receptive fields."""
    used = [(geometry[name], term) for term in terms for name in term.layers]
    align = math.lcm(*(reach.stride * term.grid for reaches, term in used for reach in reaches))
    halo = [_halo([(reaches[axis], term.margin) for reaches, term in used]) for axis in (0, 1)]
    return Tiling(geometry, align, (halo[0], halo[1]), smallest)


def _halo(used: Sequence[tuple[Reach, int]]) -> tuple[int, int]:
    before = max(reach.before + margin * reach.stride for reach, margin in used)
    return before, max(reach.after + margin * reach.stride for reach, margin in used)


@dataclass(frozen=True)
class Box:
    """The positions of a layer that a tile reads along one axis: its own and a margin of neighbours.

    Attributes:
        low: The first, counted in the window.
        high: The end, likewise.
        inner: The tile's own positions, counted from `low`.
        offset: Of the window in the whole layer.
    """

    low: int
    high: int
    inner: slice
    offset: int

    @classmethod
    def of(cls, span: Span, stride: int, count: int, margin: int) -> "Box":
        """Return the positions for a window in which the layer has `count`."""
        first, last = span.positions(stride, count)
        last = max(first, last)  # without padding the end of an image may own no position
        low, high = max(0, first - margin), max(first, min(count, last + margin))
        return cls(low, high, slice(first - low, last - low), span.start // stride)

    def whole(self, grid: int) -> slice:
        """Return the same as a slice of the whole layer, or of a map with one value for `grid` positions."""
        return slice((self.offset + self.low) // grid, -(-(self.offset + self.high) // grid))


def boxes(window: Window, reaches: tuple[Reach, Reach], value: Tensor, margin: int = 0) -> Iterator[Box]:
    """Yield the positions of a window along rows and along columns, in its map of a layer, `value`."""
    for span, reach, count in zip((window.rows, window.columns), reaches, value.shape[-2:], strict=True):
        yield Box.of(span, reach.stride, count, margin)
