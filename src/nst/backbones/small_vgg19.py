"""A small network that sees what VGG-19 sees: fewer channels, and a linear map for each named layer."""

from torch import Tensor, nn

WIDTHS = {"1_1": 32, "1_2": 32, "2_1": 64, "2_2": 64, "3_1": 96, "3_2": 96, "3_4": 96}
DEEP = {"4_1": 128, "4_2": 128, "4_4": 128, "5_1": 128}
RANK = 64
SEEN = {"1_1": 32, "2_1": 64, "3_1": 96, "4_1": 128, "4_2": 128, "5_1": 96}
"""Layer -> principal components of VGG-19's features, channels."""

NODES = {f"relu{name}": f"relu{name.replace('_', 'x')}" for name in SEEN}
"""Layer -> module; torch.fx takes a number after an underscore for its own."""


class SmallVGG19(nn.Module):
    """Principal components of VGG-19's features, computed by a twentieth of its weights.

    The features of a layer are coordinates in the orthonormal basis of the principal components of VGG-19's ReLU
    outputs, so that distances of features and of Gram matrices are VGG-19's own, less what lies outside the components.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.ModuleDict()
        channels = 3
        for name, width in {**WIDTHS, **DEEP}.items():
            self.trunk[f"conv{name}"] = _convolution(channels, width, rank=RANK if name in DEEP else None)
            self.trunk[f"act{name}"] = nn.ReLU()
            channels = width
        self.pool = nn.ModuleDict({str(block): nn.MaxPool2d(2) for block in range(1, 5)})
        for name, components in SEEN.items():
            setattr(self, NODES[f"relu{name}"], nn.Conv2d({**WIDTHS, **DEEP}[name], components, 1))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Return layer -> coordinates, (N, components, h, w), of VGG-19's input, (N, 3, H, W)."""
        block, out = 1, {}
        for name in {**WIDTHS, **DEEP}:
            if int(name[0]) > block:
                x = self.pool[str(block)](x)
                block += 1
            x = self.trunk[f"act{name}"](self.trunk[f"conv{name}"](x))
            if name in SEEN:
                out[f"relu{name}"] = getattr(self, NODES[f"relu{name}"])(x)
        return out


def _convolution(channels: int, width: int, *, rank: int | None) -> nn.Module:
    """A 3 x 3 convolution; of a rank, as a 3 x 3 convolution to fewer channels and a 1 x 1 convolution."""
    if rank is None:
        return nn.Conv2d(channels, width, 3, padding=1)
    return nn.Sequential(nn.Conv2d(channels, rank, 3, padding=1, bias=False), nn.Conv2d(rank, width, 1))
