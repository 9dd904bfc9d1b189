"""Where a picture is cut: windows with a halo, aligned to the deepest stride, and which features are theirs."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from nst.losses.base import Term
from nst.tiling.receptive_field import Geometry, Reach


@dataclass(frozen=True)
class Span:
    """A window along one axis, pixels: it reads [start, stop) and owns the features whose position times stride falls
    into [first, last).

    Attributes:
        start: A multiple of the deepest stride.
        stop: Its end.
        first: A multiple of the deepest stride.
        last: Likewise; None for the picture's end.
    """

    start: int
    stop: int
    first: int
    last: int | None

    def positions(self, stride: int, count: int) -> tuple[int, int]:
        """Return the range of the window's own features, counted in the window, of which a layer has `count`."""
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
    """How pictures of any size are cut for some layers and terms.

    Attributes:
        geometry: Reach of every layer.
        align: Where tiles begin: multiples of this, pixels.
        halo: Read before and after a tile, along rows and columns: ((before, after), (before, after)), pixels.
        smallest: A window has at least this edge, pixels.
    """

    geometry: Geometry
    align: int
    halo: tuple[tuple[int, int], tuple[int, int]]
    smallest: int

    def windows(self, size: tuple[int, int], edge: int) -> list[Window]:
        """Cut a picture of (height, width) into tiles of about the same size, no longer than `edge` (aligned up)."""
        rows, columns = (self._spans(length, edge, self.halo[axis]) for axis, length in enumerate(size))
        return [Window(row, column) for row in rows for column in columns]

    def _spans(self, length: int, edge: int, halo: tuple[int, int]) -> list[Span]:
        count = -(-length // max(edge, self.align))
        step = -(-length // (count * self.align)) * self.align
        out = []
        for first in range(0, length, step):
            last = first + step if first + step < length else None
            stop = length if last is None else min(length, last + halo[1])
            start = max(0, min(first - halo[0], stop - self.smallest) // self.align * self.align)
            out.append(Span(start, stop, first, last))
        return out


def tiling(geometry: Geometry, terms: Iterable[Term], smallest: int) -> Tiling:
    """Return how to cut for terms over layers of a known geometry."""
    used = [(geometry[name], term) for term in terms for name in term.layers]
    align = math.lcm(*(reach.stride * term.grid for reaches, term in used for reach in reaches))
    halo = [_halo([(reaches[axis], term.margin) for reaches, term in used]) for axis in (0, 1)]
    return Tiling(geometry, align, (halo[0], halo[1]), smallest)


def _halo(used: Sequence[tuple[Reach, int]]) -> tuple[int, int]:
    before = max(reach.before + margin * reach.stride for reach, margin in used)
    return before, max(reach.after + margin * reach.stride for reach, margin in used)


@dataclass(frozen=True)
class Box:
    """A tile's positions of a layer along one axis, its margin included.

    Attributes:
        low: The first, counted in the window.
        high: Their end, likewise.
        inner: The tile's own, counted from `low`.
        offset: Of the window in the whole layer.
    """

    low: int
    high: int
    inner: slice
    offset: int

    @classmethod
    def of(cls, span: Span, stride: int, count: int, margin: int) -> "Box":
        """Return the positions of a window in a layer of which it has `count`, with a margin of neighbours."""
        first, last = span.positions(stride, count)
        last = max(first, last)  # without padding a picture's end may have no position of its own
        low, high = max(0, first - margin), max(first, min(count, last + margin))
        return cls(low, high, slice(first - low, last - low), span.start // stride)

    def whole(self, grid: int) -> slice:
        """Return the same in the whole layer, or in a map that has one value for `grid` positions of it."""
        return slice((self.offset + self.low) // grid, -(-(self.offset + self.high) // grid))


def boxes(window: Window, reaches: tuple[Reach, Reach], value: Tensor, margin: int = 0) -> Iterator[Box]:
    """Return a window's positions of a layer along rows and along columns, for its map `value`."""
    for span, reach, count in zip((window.rows, window.columns), reaches, value.shape[-2:], strict=True):
        yield Box.of(span, reach.stride, count, margin)
