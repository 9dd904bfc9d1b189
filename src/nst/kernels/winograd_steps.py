"""The steps before and behind the matrix products of Winograd's convolution, F(4 x 4, 3 x 3): in torch, and in C.

A picture is cut into squares of 4 x 4 outputs, each of which depends on 6 x 6 inputs. `first` and `rows` are the rows
of squares that a call is for; `turned` exchanges the frequencies as turning the filters by half a circle does.
"""

import ctypes
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.kernels import compiled

BT = torch.tensor(
    [
        [1, -2.5, 0, 2.5, -1, 0],
        [0, 1, -1.5, -1.5, 1, 0],
        [0, -1, 3.5, -3.5, 1, 0],
        [0, 1, -2, -1, 2, 0],
        [0, 2, -1, -2, 1, 0],
        [0, -1, 2.5, 0, -2.5, 1],
    ]
)
AT = torch.tensor([[1, 1, 1, 0.25, 2, 0], [0, 1, -1, 0.5, 1, 0], [0, 1, 1, 1, 0.5, 0], [0, 1, -1, 2, 0.25, 1]])
TURNED = [5, 1, 2, 4, 3, 0]  # the points 0, 1, -1, 2, 1/2 and infinity, each inverted
OUT, IN = AT.shape  # edges of a square of outputs, and of the inputs that it depends on


class Steps(Protocol):
    """What surrounds the products, for one picture of a batch."""

    def frequencies(self, x: Tensor, mask: Tensor | None, first: int, rows: int, *, turned: bool) -> Tensor:
        """Return B^T d B, (36, rows x across, C), of x, (C, H, W), where mask, alike, is above 0, else of 0."""
        ...

    def outputs(
        self, m: Tensor, bias: Tensor, least: float, out: Tensor, first: int, rows: int, *, turned: bool
    ) -> None:
        """Write A^T m A, plus bias, (O,), and no less than `least`, into out, (O, H, W)."""
        ...


class Products:
    """Both as products with Kronecker's: in any precision."""

    def frequencies(self, x: Tensor, mask: Tensor | None, first: int, rows: int, *, turned: bool) -> Tensor:
        """See `Steps`."""
        c, height, width = x.shape
        top, bottom = first * OUT - 1, (first + rows) * OUT + 1
        inside = slice(max(top, 0), min(bottom, height))
        part = x[:, inside] if mask is None else x[:, inside].where(mask[:, inside] > 0, 0)
        padded = F.pad(part, (1, 1 + -width % OUT, inside.start - top, bottom - inside.stop)).permute(1, 2, 0)
        squares = padded.unfold(0, IN, OUT).unfold(1, IN, OUT).permute(3, 4, 0, 1, 2)  # (6, 6, rows, across, C)
        return (_twice(BT, x, turned) @ squares.reshape(IN**2, -1)).view(IN**2, -1, c)

    def outputs(
        self, m: Tensor, bias: Tensor, least: float, out: Tensor, first: int, rows: int, *, turned: bool
    ) -> None:
        """See `Steps`."""
        squares = (_twice(AT.T, m, turned).T @ m.view(IN**2, -1)).view(OUT, OUT, rows, -1, len(bias))
        part = out[:, first * OUT : (first + rows) * OUT]
        whole = squares.permute(4, 2, 0, 3, 1).reshape(len(bias), rows * OUT, -1)
        part.copy_((whole[:, : part.shape[1], : part.shape[2]] + bias[:, None, None]).clamp_min(least))


def _twice(one: Tensor, like: Tensor, turned: bool) -> Tensor:
    """The matrix for lines and columns at once, a frequency to each row."""
    one = one[TURNED] if turned else one
    return torch.kron(one, one).to(like)


class Compiled:
    """Both in C, float32, channels innermost: each value is read and written once."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library

    def frequencies(self, x: Tensor, mask: Tensor | None, first: int, rows: int, *, turned: bool) -> Tensor:
        """See `Steps`."""
        c, height, width = x.shape
        m = x.new_empty(IN**2, rows * -(-width // OUT), c)
        sizes = height, width, c, first, rows, turned, torch.get_num_threads()
        where = None if mask is None else _values(mask)
        self.library.frequencies(_values(x), where, m.data_ptr(), *sizes)
        return m

    def outputs(
        self, m: Tensor, bias: Tensor, least: float, out: Tensor, first: int, rows: int, *, turned: bool
    ) -> None:
        """See `Steps`."""
        o, height, width = out.shape
        sizes = height, width, o, first, rows, turned, torch.get_num_threads()
        self.library.outputs(m.data_ptr(), bias.data_ptr(), least, _values(out), *sizes)


def _values(x: Tensor) -> int:
    """Where the values lie of a map, (C, H, W), that is float32 with its channels innermost."""
    if x.dtype != torch.float32 or not x.permute(1, 2, 0).is_contiguous():
        raise ValueError(f"a map of {x.dtype}, strides {x.stride()}: the steps in C take float32, channels innermost")
    return x.data_ptr()


def steps(dtype: torch.dtype) -> Steps:
    """Return the faster way that there is for a precision."""
    library = compiled.library() if dtype == torch.float32 else None
    return Products() if library is None else Compiled(library)
