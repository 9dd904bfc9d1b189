"""How pictures are brought to the size of a level: the filter, anti-aliasing, and how sizes are rounded."""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst.data import image_io
from nst.utils.errors import check_choice

PILLOW = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "area": Image.Resampling.BOX,
}
FILTERS = tuple(PILLOW)
ROUNDINGS = ("nearest", "down")


@dataclass(frozen=True)
class Resampling:
    """Filter and rounding, as options of a method; programs of the field differ in both.

    Attributes:
        filter: `bilinear`, `bicubic`, `lanczos` or `area` (averages).
        antialias: Whether the filter grows with the factor when a picture is reduced, as Pillow does it. If not,
            `bilinear` and `bicubic` read 2 x 2 and 4 x 4 pixels, as OpenCV and torch's `interpolate` do it, and the
            bicubic kernel is sharper (a = -0.75 instead of -0.5). `lanczos` and `area` are always anti-aliased.
        rounding: How the other edge is rounded to whole pixels: `nearest`, or `down` as torchvision's `Resize` does.
        quantize: Whether resized pictures are rounded to 8 bits, as those are that Pillow or OpenCV resizes.

    Raises:
        ValueError: There is no such filter or rounding, or the filter can't be had without anti-aliasing.
    """

    filter: str = "bicubic"
    antialias: bool = True
    rounding: str = "nearest"
    quantize: bool = False

    def __post_init__(self) -> None:
        check_choice("method.resample", self.filter, FILTERS)
        check_choice("method.rounding", self.rounding, ROUNDINGS)
        if not self.antialias and self.filter in ("lanczos", "area"):
            raise ValueError(
                f"method.resample={self.filter} is always anti-aliased; give method.antialias=true, or "
                f"method.resample=bilinear or bicubic"
            )

    def resize(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Resample an image (1, C, H, W) to (height, width), pixels.

        Values stay within the range of the image's or, if `quantize` is set, within [0, 1].
        """
        if image_io.size_of(image) == size:
            return image.clone()
        if self.quantize and self.antialias:
            return _by_pillow(image.clamp(0, 1).mul(255).round().byte(), size, PILLOW[self.filter]).to(image) / 255
        if self.filter == "lanczos":  # torch has it in its latest versions only
            out = _by_pillow(image.float(), size, PILLOW[self.filter]).to(image)
        elif self.filter == "area":
            out = image_io.area(image, size)
        else:
            out = F.interpolate(image, size, mode=self.filter, antialias=self.antialias, align_corners=False)
        return out.clamp(0, 1).mul(255).round() / 255 if self.quantize else out.clamp_(*image.aminmax())

    def fit(self, size: tuple[int, int], edge: float, *, by: str, upscale: bool = True) -> tuple[int, int]:
        """Return the (height, width) at which one edge of a picture is `edge` pixels; see `image_io.fit`."""
        rounded = math.floor if self.rounding == "down" else round
        return image_io.fit(size, edge, by=by, upscale=upscale, rounded=rounded)


def _by_pillow(image: Tensor, size: tuple[int, int], kernel: Image.Resampling) -> Tensor:
    """Resample (1, C, H, W), in 8 bits or float32, channel by channel."""
    planes = [Image.fromarray(plane.cpu().numpy()).resize(size[::-1], kernel) for plane in image[0]]
    return torch.from_numpy(np.stack([np.asarray(plane) for plane in planes]))[None]
