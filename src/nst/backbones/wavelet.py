"""The analytic backbone: rectified Morlet wavelets over an anti-aliased pyramid. Its filters are formulas: no download."""

import math
import re
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.backbones.base import Backbone, Input, unknown

LEVELS = 6
KINDS = "smxct"


def morlet_bank(orientations: int, *, size: int, sigma: float, frequency: float, slant: float) -> Tensor:
    """Return zero-mean complex Morlet wavelets as real filters: all real parts, then all imaginary parts.

    `psi(u) = (exp(i k u1) - beta) exp(-(u1^2 + slant^2 u2^2) / (2 sigma^2))`, with u turned by pi o / orientations and
    beta such that the mean is 0; each filter has unit L2 norm.

    Args:
        orientations: Number of orientations o over half a turn.
        size: Edge of a filter, pixels, odd.
        sigma: Width of the envelope along the wave, pixels.
        frequency: k, radians per pixel.
        slant: Quotient of the envelope's widths, along over across.

    Returns:
        (2 * orientations, 1, size, size), float32.

    Source: Portilla & Simoncelli 2000 (the idea); Brochard, Zhang & Mallat 2022 (rectified, complex phases).
    """
    half = size // 2
    y, x = torch.meshgrid(*[torch.arange(-half, half + 1, dtype=torch.float64)] * 2, indexing="ij")
    filters = []
    for wave in (torch.cos, torch.sin):
        for o in range(orientations):
            angle = math.pi * o / orientations
            along = x * math.cos(angle) + y * math.sin(angle)
            across = y * math.cos(angle) - x * math.sin(angle)
            envelope = torch.exp(-(along**2 + (slant * across) ** 2) / (2 * sigma**2))
            psi = wave(frequency * along) * envelope
            psi = psi - envelope * psi.sum() / envelope.sum()
            filters.append(psi / psi.norm())
    return torch.stack(filters)[:, None].float()


class Wavelet(Backbone):
    """Named maps over a pyramid of levels j = 0, 1, ... each half the size of the one before.

    | layer | maps |
    |---|---|
    | `s<j>` | the wavelets' rectified responses in three opponent colours, four phases each, and the low-pass colours |
    | `m<j>` | second order: the wavelets of the modulus of the luminance response, halved |
    | `x<j>` | luminance maps of level j, halved, beside those of level j + 1: their covariance ties the scales |
    | `c<j>` | the same over all three colours |
    | `t<j>` | luminance maps of the levels j, j + 1 and j + 2 |

    Args:
        layers: The names to give.
        orientations: Over half a turn.
        size: Edge of a filter, pixels, odd.
        sigma: Width of a filter's envelope along the wave, pixels.
        frequency: Radians per pixel.
        slant: Quotient of the envelope's widths.
        chroma: Gain of the two chroma channels over luminance.
        lowpass: Gain of the low-pass colours in `s<j>`.
        input: The input convention.

    Raises:
        ValueError: There is no layer of a name.

    Source: Portilla & Simoncelli 2000; Zhang & Mallat 2021; Brochard, Zhang & Mallat 2022 (arXiv 2203.07902).
    """

    bank: Tensor
    opponent: Tensor
    blur: Tensor

    def __init__(
        self,
        *,
        layers: Sequence[str],
        orientations: int,
        size: int,
        sigma: float,
        frequency: float,
        slant: float,
        chroma: float,
        lowpass: float,
        input: Input,
    ) -> None:
        super().__init__()
        for layer in layers:
            if not re.fullmatch(f"[{KINDS}][0-{LEVELS - 1}]", layer):
                raise unknown("wavelet layer", layer, (f"{k}{j}" for k in KINDS for j in range(LEVELS)))
        self.layers = tuple(sorted(layers, key=_depth))
        self.input = input
        self.lowpass = lowpass
        self.smallest = 2 ** (max(map(_depth, self.layers), default=0) + 1)
        self.source = {"origin": "analytic", "path": None, "sha256": None, "warning": None}
        bank = morlet_bank(orientations, size=size, sigma=sigma, frequency=frequency, slant=slant)
        opponent = torch.tensor([[1.0, 1, 1], [1, 0, -1], [1, -2, 1]])
        opponent = opponent / opponent.norm(dim=1, keepdim=True) * torch.tensor([[1.0], [chroma], [chroma]])
        binomial = torch.tensor([1.0, 4, 6, 4, 1]) / 16
        self.register_buffer("bank", bank, persistent=False)
        self.register_buffer("opponent", opponent[:, :, None, None], persistent=False)
        self.register_buffer("blur", torch.outer(binomial, binomial)[None, None], persistent=False)
        self.freeze()

    def features(self, x: Tensor) -> dict[str, Tensor]:
        """Return layer -> (N, C, h, w), h and w halved (rounded up) once a level."""
        deepest = max(map(_depth, self.layers), default=0)
        colours = [F.conv2d(x, self.opponent)]  # (N, 3, H, W) a level
        for _ in range(deepest):
            colours.append(self._halve(colours[-1]))
        waves: dict[int, Tensor] = {}
        out = {}
        for layer in self.layers:
            kind, j = layer[0], int(layer[1])
            for level in range(j, j + {"s": 1, "m": 1, "x": 2, "c": 2, "t": 3}[kind]):
                if level not in waves:
                    waves[level] = self._wave(colours[level])  # (N, 3, 2 O, h, w)
            out[layer] = self._maps(kind, j, colours, waves)
        return out

    def _maps(self, kind: str, j: int, colours: list[Tensor], waves: dict[int, Tensor]) -> Tensor:
        if kind == "s":
            return torch.cat([_rectify(waves[j]), self.lowpass * colours[j]], dim=1)
        if kind == "m":
            real, imaginary = waves[j][:, 0].chunk(2, dim=1)  # luminance: (N, O, h, w)
            return _rectify(self._wave(self._halve(real.abs() + imaginary.abs())))
        if kind == "c":
            return torch.cat([self._halve(_rectify(waves[j])), _rectify(waves[j + 1])], dim=1)
        luminance = [_rectify(waves[level][:, :1]) for level in range(j, j + (2 if kind == "x" else 3))]
        out = luminance[0]
        for coarser in luminance[1:]:
            out = torch.cat([self._halve(out), coarser], dim=1)
        return out

    def _wave(self, maps: Tensor) -> Tensor:
        """Convolve every channel with the bank: (N, C, h, w) -> (N, C, 2 O, h, w)."""
        n, c, h, w = maps.shape
        half = self.bank.shape[-1] // 2
        padded = F.pad(maps.reshape(n * c, 1, h, w), (half,) * 4, mode="replicate")
        return F.conv2d(padded, self.bank).view(n, c, -1, h, w)

    def _halve(self, maps: Tensor) -> Tensor:
        """Low-pass with the 5-tap binomial and keep every second position: (N, C, h, w) -> (N, C, h/2, w/2)."""
        n, c, h, w = maps.shape
        padded = F.pad(maps.reshape(n * c, 1, h, w), (2,) * 4, mode="replicate")
        out = F.conv2d(padded, self.blur, stride=2)
        return out.view(n, c, *out.shape[-2:])


def _rectify(waves: Tensor) -> Tensor:
    """Four phases of every response: relu of it and of its negative, (N, C, 2 O, h, w) -> (N, 4 C O, h, w)."""
    flat = waves.flatten(1, 2)
    return torch.cat([flat.relu(), (-flat).relu()], dim=1)


def _depth(layer: str) -> int:
    return int(layer[1]) + {"s": 0, "m": 1, "x": 1, "c": 1, "t": 2}[layer[0]]
