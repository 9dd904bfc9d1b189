"""The analytic backbone: rectified Morlet wavelets over an anti-aliased pyramid; formulas, no checkpoint."""

import copy
import math
import re
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nst import kernels
from nst.backbones.base import Backbone, Input
from nst.utils.deterministic import pad
from nst.utils.errors import unknown

LEVELS = 6
SPAN = {"l": 0, "s": 0, "r": 0, "w": 0, "m": 1, "x": 1, "y": 1}
"""Kind of a layer -> how many levels it looks below its own."""


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
    | `l<j>` | the wavelets' rectified responses to luminance, four phases each, and the low-pass colours |
    | `s<j>` | the same with the responses to all three opponent colours |
    | `y<j>` | across scales: luminance maps of level j, halved, beside all maps and low-pass colours of level j + 1 |
    | `x<j>` | across scales, luminance alone |
    | `m<j>` | second order: the wavelets of the modulus of the luminance response, halved |
    | `r<j>` | rectified high-pass residual of the colours: what is too fine for any wavelet of level j |
    | `w<j>` | the responses to all colours as they are, signed: where things are, for the content |

    Args:
        layers: The names to give.
        orientations: Over half a turn.
        size: Edge of a filter, pixels, odd.
        sigma: Width of a filter's envelope along the wave, pixels.
        frequency: Radians per pixel.
        slant: Quotient of the envelope's widths.
        chroma: Gain of the two chroma channels over luminance.
        lowpass: Gain of the low-pass colours.
        input: The input convention.
        comparable: See `Backbone`. Runs of before 2026-11-28 and the judge do without.

    Raises:
        ValueError: There is no layer of a name.

    Source: Portilla & Simoncelli 2000; Zhang & Mallat 2021; Brochard, Zhang & Mallat 2022 (arXiv 2203.07902).

    Differs: few cross-scale maps instead of all pairs; maps are halved by means of 2 x 2, images by a binomial.
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
        comparable: bool = False,
    ) -> None:
        super().__init__()
        self.comparable = comparable
        for layer in layers:
            if not re.fullmatch(f"[{''.join(SPAN)}][0-{LEVELS - 1}]", layer):
                raise unknown("wavelet layer", layer, (f"{kind}{j}" for kind in SPAN for j in range(LEVELS)))
        self._choose(layers)
        self.input = input
        self.lowpass = lowpass
        self.source = {"origin": "analytic", "path": None, "sha256": None, "warning": None}
        bank = morlet_bank(orientations, size=size, sigma=sigma, frequency=frequency, slant=slant)
        opponent = torch.tensor([[1.0, 1, 1], [1, 0, -1], [1, -2, 1]])
        opponent = opponent / opponent.norm(dim=1, keepdim=True) * torch.tensor([[1.0], [chroma], [chroma]])
        binomial = torch.tensor([1.0, 4, 6, 4, 1]) / 16
        self.register_buffer("bank", bank, persistent=False)
        self.register_buffer("opponent", opponent, persistent=False)
        self.register_buffer("blur", torch.outer(binomial, binomial)[None, None], persistent=False)
        self.freeze()

    def _choose(self, layers: Iterable[str]) -> None:
        self.layers = tuple(sorted(layers, key=_depth))
        read = [layer for layer in self.layers if layer[0] != "w"]  # a signed map of one position is 0: it says nothing
        self.smallest = 2 ** (max(map(_depth, read), default=0) + 1)

    def only(self, layers: Sequence[str]) -> "Wavelet":
        """Return the wavelets of some layers."""
        twin = copy.copy(self)
        twin._choose(layers)
        return twin

    def features(self, x: Tensor) -> dict[str, Tensor]:
        """Return layer -> (N, C, h, w), h and w halved (rounded up) once a level."""
        colours = [(self.opponent @ x.flatten(2)).view_as(x)]  # (N, 3, H, W) a level
        for _ in range(max(map(_depth, self.layers), default=0)):
            colours.append(self._blur(colours[-1], stride=2))
        responses = [self._responses(j, level) for j, level in enumerate(colours)]
        return {layer: self._maps(layer[0], int(layer[1]), colours, responses) for layer in self.layers}

    def _responses(self, j: int, colours: Tensor) -> dict[str, Tensor]:
        """What the layers need of `filter_bank` at level j, for all colours or for luminance alone."""
        here = {layer[0] for layer in self.layers if int(layer[1]) == j}
        above = {layer[0] for layer in self.layers if int(layer[1]) == j - 1}
        needed = {"signed": here & set("wm"), "relu": here & set("ls") or above & set("xy"), "pooled": here & set("xy")}
        channels = 3 if here & set("sw") or "y" in above else 1
        return self._filter(colours[:, :channels], [name for name, layers in needed.items() if layers])

    def _filter(self, maps: Tensor, outputs: Sequence[str]) -> dict[str, Tensor]:
        if not outputs:
            return {}
        return kernels.filter_bank(_pad(maps, self.bank.shape[-1] // 2), self.bank, outputs)

    def _maps(self, kind: str, j: int, colours: list[Tensor], responses: list[dict[str, Tensor]]) -> Tensor:
        here, low = responses[j], self.lowpass * colours[j]
        if kind == "r":
            residual = colours[j] - self._blur(colours[j], stride=1)
            return torch.cat([residual.relu(), (-residual).relu()], dim=1)
        if kind == "w":
            return here["signed"].flatten(1, 2)
        if kind == "s":
            return torch.cat([here["relu"].flatten(1, 3), low], dim=1)
        if kind == "l":
            return torch.cat([_luminance(here), low], dim=1)
        if kind == "m":
            real, imaginary = here["signed"][:, 0].chunk(2, dim=1)  # (N, O, h, w)
            modulus = self._blur(real.abs() + imaginary.abs(), stride=2)
            return self._filter(modulus, ["relu"])["relu"].flatten(1, 3)
        pooled, below = here["pooled"].flatten(1, 2), responses[j + 1]
        if kind == "x":
            return torch.cat([pooled, _luminance(below)], dim=1)
        return torch.cat([pooled, below["relu"].flatten(1, 3), self.lowpass * colours[j + 1]], dim=1)

    def _blur(self, maps: Tensor, *, stride: int) -> Tensor:
        """Low-pass with the 5-tap binomial; stride 2 halves: (N, C, h, w) -> (N, C, h/2, w/2), rounded up."""
        channels = maps.shape[1]
        weight = self.blur.expand(channels, -1, -1, -1)
        return F.conv2d(_pad(maps, 2), weight, stride=stride, groups=channels)


def _pad(maps: Tensor, width: int) -> Tensor:
    """Reflect maps at their edges, which leaves no frame; replicate the edge of a map that is too small for that."""
    return pad(maps, width, "reflect" if min(maps.shape[-2:]) > width else "replicate")


def _luminance(responses: dict[str, Tensor]) -> Tensor:
    """The rectified responses to luminance, (N, 2 K, h, w)."""
    return responses["relu"][:, :, 0].flatten(1, 2)


def _depth(layer: str) -> int:
    return int(layer[1]) + SPAN[layer[0]]
