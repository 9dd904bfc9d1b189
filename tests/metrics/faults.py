"""Faults that are planted into a picture, and which figures see them: what docs/evaluation.md has as a table."""

import torch
from skimage import data
from torch import Tensor

from nst.data import color, image_io, library
from nst.metrics.panel import PLAIN, Panel, described

SIZE = 128
MARGIN = 0.05
"""Of the distance of photograph and painting in a figure; of an artefact, which both lack, of its unit."""
UNITS = {"grid": 4.0, "grain": 4.0, "rim": 4.0, "repetition": 0.5}


def sources() -> tuple[Tensor, Tensor]:
    """A photograph and a painting, (1, 3, H, W), both of SIZE pixels."""
    photo = torch.from_numpy(data.chelsea()).permute(2, 0, 1)[None].float() / 255
    painting = image_io.load(library.asset("swirling_night")).rgb
    return image_io.reduced(photo, SIZE), image_io.reduced(painting, SIZE)


def blurred(image: Tensor, sigma: float) -> Tensor:
    x = torch.arange(-12, 13, dtype=torch.float32)
    line = torch.exp(-(x**2) / (2 * sigma**2))
    line = (line / line.sum()).expand(3, 1, 1, -1)
    padded = torch.nn.functional.pad(image, (12, 12, 12, 12), mode="reflect")
    across = torch.nn.functional.conv2d(padded, line, groups=3)
    return torch.nn.functional.conv2d(across, line.transpose(2, 3), groups=3)


def repainting(photo: Tensor, painting: Tensor) -> Tensor:
    """A plain repainting: the photograph in the painting's colours, with the painting's detail laid over it."""
    detail = image_io.resize(painting - blurred(painting, 3), image_io.size_of(photo))
    return (0.8 * color.histogram(photo, painting) + 0.2 * painting.mean((-2, -1), keepdim=True) + detail).clamp(0, 1)


def bars(image: Tensor) -> Tensor:
    out = image.clone()
    out[..., ::2] += 0.06
    out[..., 1::2] -= 0.06
    return out.clamp(0, 1)


def frame(image: Tensor) -> Tensor:
    out = torch.zeros_like(image)
    out[..., 3:-3, 3:-3] = image[..., 3:-3, 3:-3]
    return out


def stamped(image: Tensor) -> Tensor:
    out = image.clone()
    for top in range(4, image.shape[-2] - 16, 24):
        for left in range(4, image.shape[-1] - 16, 24):
            out[..., top : top + 12, left : left + 12] = image[..., 20:32, 20:32] * 0.5 + 0.5
    return out


def grain(image: Tensor) -> Tensor:
    return (image + 0.1 * torch.randn(image.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)


FAULTS = {
    "bars of two pixels": lambda picture, photo, painting: bars(picture),
    "frame": lambda picture, photo, painting: frame(picture),
    "copy of the photograph": lambda picture, photo, painting: photo,
    "copy of the painting": lambda picture, photo, painting: image_io.resize(painting, image_io.size_of(photo)),
    "blur": lambda picture, photo, painting: blurred(picture, 2),
    "noise": lambda picture, photo, painting: grain(picture),
    "swapped palette": lambda picture, photo, painting: picture[:, [2, 0, 1]],
    "stamped motif": lambda picture, photo, painting: stamped(picture),
}


def verdicts(panel: Panel) -> dict[str, dict[str, str]]:
    """Fault -> figure -> `sees` (worse than the repainting), `fooled` (better), or nothing.

    A network's figures go by their own names.
    """
    photo, painting = sources()
    picture = repainting(photo, painting)
    whole = panel.figures(picture, photo, painting)
    planted = {
        fault: panel.figures(plant(picture, photo, painting), photo, painting) for fault, plant in FAULTS.items()
    }
    own, target = (planted[f"copy of the {one}"] for one in ("photograph", "painting"))
    found: dict[str, dict[str, str]] = {}
    for fault, figures in planted.items():
        found[fault] = {}
        for name, value in figures.items():
            last = name.rpartition(".")[2]
            scale = UNITS.get(last) or abs(own[name] - target[name])
            change = described(name).sign * (value - whole[name]) / scale
            found[fault][last] = "sees" if change > MARGIN else "fooled" if change < -MARGIN else ""
    return found


NAMES = ("gram", "moments", "sliced", "content", "cfsd", *(name for name in PLAIN if name != "preference"))
