"""The teacher: maps of the analytic wavelet filter bank, resampled to the positions of the student's features."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst.backbones import Wavelet
from nst.backbones.base import Input

TARGETS = {3: "s0 s1", 4: "s1 s2 m0", 6: "s1 s2 m0", 7: "s2 s3 m1", 9: "s2 s3 m1", 12: "s3 s4 m2"}
"""Layer of the student -> the teacher's maps that it must predict."""

STRIDES = {3: 4, 4: 4, 6: 8, 7: 8, 9: 16, 12: 16}
LEVEL = {"s": 0, "m": 1}


def build() -> Wavelet:
    """Return the bank; its options are fixed here, so that later changes of the backbone's defaults have no effect."""
    names = sorted({name for maps in TARGETS.values() for name in maps.split()})
    grey = Input(mean=[0.5] * 3, std=[1.0] * 3)
    options = {"size": 9, "sigma": 1.6, "frequency": 2.0, "slant": 0.6, "chroma": 1.5, "lowpass": 0.3}
    return Wavelet(layers=names, orientations=8, input=grey, **options)


@torch.no_grad()
def targets(teacher: Wavelet, image: Tensor) -> dict[tuple[str, int], Tensor]:
    """Return (map, stride) -> the target values at all positions of the images, (N, K, H / stride, W / stride).

    Args:
        teacher: The filter bank.
        image: (N, 3, H, W), [0, 1], H and W multiples of 16.
    """
    maps, coarse, out = teacher(image), {}, {}
    for layer, names in TARGETS.items():
        stride = STRIDES[layer]
        for name in names.split():
            if (name, stride) not in out:
                found = _between(
                    _blurred(maps, name, stride, coarse), stride, image.shape[2] // stride, image.shape[3] // stride
                )
                out[name, stride] = (found if name[0] == "s" else F.conv2d(found, _mixture(found.shape[1]))).bfloat16()
    return out


def _mixture(channels: int, count: int = 64) -> Tensor:
    """Return random unit-norm mixtures of the second-order maps, which are many: (count, channels, 1, 1)."""
    mixture = torch.randn(count, channels, generator=torch.Generator().manual_seed(0))
    return F.normalize(mixture, dim=1)[..., None, None]


def _blurred(maps: dict[str, Tensor], name: str, stride: int, done: dict[tuple[str, int], Tensor]) -> Tensor:
    """Downsample maps to one position every `stride` pixels; `done` keeps each halving for the other layers."""
    if 2 ** (LEVEL[name[0]] + int(name[1])) == stride:
        return maps[name]
    if (name, stride) not in done:
        finer = _blurred(maps, name, stride // 2, done)
        done[name, stride] = F.avg_pool2d(finer, 3, 2, 1, count_include_pad=False)
    return done[name, stride]


def _between(maps: Tensor, stride: int, height: int, width: int) -> Tensor:
    """Interpolate maps at pixels i * stride to the student's positions, pixels (i + 1) * stride - 1."""
    down, right = height + 1 - maps.shape[2], width + 1 - maps.shape[3]
    maps = F.pad(maps, (0, max(right, 0), 0, max(down, 0)), mode="replicate")[..., : height + 1, : width + 1]
    maps = torch.lerp(maps[..., :-1, :], maps[..., 1:, :], 1 - 1 / stride)
    return torch.lerp(maps[..., :-1], maps[..., 1:], 1 - 1 / stride)


class Heads(nn.Module):
    """A linear map from each trained layer to its standardised target."""

    def __init__(self, channels: dict[int, int], sample: dict[int, Tensor]) -> None:
        super().__init__()
        self.heads = nn.ModuleDict()
        for layer, target in sample.items():
            self.heads[str(layer)] = nn.Conv2d(channels[layer], target.shape[1], 1)
            self.register_buffer(f"mean{layer}", target.float().mean((0, 2, 3), keepdim=True))
            self.register_buffer(f"std{layer}", target.float().std((0, 2, 3)).view(1, -1, 1, 1) + 1e-3)

    def forward(self, taught: dict[int, Tensor], targets: dict[int, Tensor]) -> dict[int, Tensor]:
        """Return layer -> the fraction of the target's variance that the layer does not explain."""
        out = {}
        for layer, known in targets.items():
            target = (known - self.get_buffer(f"mean{layer}")) / self.get_buffer(f"std{layer}")
            guess = self.heads[str(layer)](taught[layer]).float()
            out[layer] = (guess - target.clamp(-5, 5)[..., : guess.shape[2], : guess.shape[3]]).square().mean()
        return out
