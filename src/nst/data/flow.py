"""Optical flow between the frames of a film: found, read from files, followed, and where it can be trusted."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nst.data import image_io
from nst.utils.files import user_path

AROUND = 5
"""Edge of the square that differences of two frames are averaged over, pixels."""
STILL = (0.25, 2 / 255)
"""What moves less than that, pixels, and changes less than that, stands still."""
TAG = 202021.25
"""What a .flo file begins with (Middlebury)."""


def require() -> Any:
    """Return the module `cv2`.

    Raises:
        ValueError: OpenCV is not installed.
    """
    try:
        import cv2
    except ModuleNotFoundError:
        raise ValueError("optical flow needs OpenCV: pip install 'nst[video]'") from None
    return cv2


def between(first: Tensor, second: Tensor) -> Tensor:
    """Return the flow w from one image to another, `second(p + w(p)) = first(p)`: (1, 2, H, W), x and y in pixels.

    Args:
        first: RGB in [0, 1], (1, 3, H, W).
        second: Likewise.

    Source: Kroeger, Timofte, Dai & Van Gool 2016 (DIS), by OpenCV, on luma and down to full resolution.
    """
    cv2 = require()
    found = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found.setFinestScale(0)
    size = image_io.size_of(first)
    more = [max(0, 32 - length) for length in size]  # DIS has no smaller pyramid
    grey = [np.pad(_luma(image), ((0, more[0]), (0, more[1])), mode="edge") for image in (first, second)]
    flow = found.calc(grey[0], grey[1], None)[: size[0], : size[1]]
    return torch.from_numpy(np.ascontiguousarray(flow.transpose(2, 0, 1)))[None]


def _luma(image: Tensor) -> np.ndarray:
    weights = torch.tensor([0.299, 0.587, 0.114], device=image.device).view(1, 3, 1, 1)
    grey: np.ndarray = (255 * (image.float() * weights).sum(1)[0]).clamp(0, 255).round().byte().cpu().numpy()
    return grey


def read(path: str | Path, size: tuple[int, int]) -> Tensor:
    """Read a flow from a .flo file (Middlebury), (1, 2, H, W), and fit it to an image of another size.

    Args:
        path: The file.
        size: (height, width) of the image, pixels.

    Raises:
        ValueError: It is no such file, or of another shape.
    """
    data = user_path(path).read_bytes()
    if len(data) < 12 or np.frombuffer(data, "<f4", 1)[0] != np.float32(TAG):
        raise ValueError(f"{path} is no flow; give a .flo file as Middlebury's")
    width, height = np.frombuffer(data, "<i4", 2, 4).tolist()
    if len(data) != 12 + 8 * width * height:
        raise ValueError(f"{path} says {width} x {height} pixels but has {len(data)} bytes; write it again")
    values = np.frombuffer(data, "<f4", offset=12).reshape(height, width, 2).transpose(2, 0, 1)
    return resized(torch.from_numpy(values.copy())[None], size)


def resized(flow: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a flow for images of another size: (1, 2, h, w) becomes (1, 2, *size), and its pixels the new ones."""
    height, width = image_io.size_of(flow)
    if (height, width) == size:
        return flow
    scale = flow.new_tensor([size[1] / width, size[0] / height]).view(1, 2, 1, 1)
    return F.interpolate(flow, size, mode="bilinear", align_corners=False) * scale


def follow(image: Tensor, flow: Tensor) -> Tensor:
    """Return `image(p + w(p))` for each pixel p, (1, C, H, W), by linear interpolation.

    Beyond the edges it is the nearest pixel.

    Args:
        image: (1, C, H, W).
        flow: w, (1, 2, H, W) in pixels.
    """
    height, width = image_io.size_of(image)
    to = _targets(flow)
    grid = torch.stack([(2 * to[:, 0] + 1) / width - 1, (2 * to[:, 1] + 1) / height - 1], dim=-1)
    return F.grid_sample(image, grid.to(image), mode="bilinear", padding_mode="border", align_corners=False)


def carry(picture: Tensor, flow: Tensor) -> Tensor:
    """Return what `follow` does of RGB in [0, 1], (1, 3, H, W), by Lanczos interpolation.

    A picture that is carried often stays sharp.
    """
    cv2 = require()
    x, y = _targets(flow.float().cpu())[0].numpy()
    pixels = np.ascontiguousarray(picture[0].detach().cpu().float().numpy().transpose(1, 2, 0))
    moved = cv2.remap(pixels, x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
    return torch.from_numpy(np.ascontiguousarray(moved.transpose(2, 0, 1)))[None].to(picture).clamp(0, 1)


def _targets(flow: Tensor) -> Tensor:
    """Return p + w(p), (1, 2, H, W)."""
    height, width = image_io.size_of(flow)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([x, y]).to(flow)[None] + flow


def trusted(flow: Tensor, back: Tensor) -> Tensor:
    """Return where a flow can be trusted, (1, 1, H, W): 1, or 0 where something was hidden, comes in, or ends.

    `|w + b(p + w)|^2 <= 0.01 (|w|^2 + |b(p + w)|^2) + 0.5` and `|grad w|^2 <= 0.01 |w|^2 + 0.002`, with the flow w and
    the one back, b.

    Args:
        flow: w, (1, 2, H, W) in pixels.
        back: From the other image to this one, likewise.

    Source: Sundaram, Brox & Keutzer 2010; Ruder, Dosovitskiy & Brox 2016, equations 5 and 6.
    """
    returned = follow(back, flow)
    length = flow.square().sum(1, keepdim=True)
    same = (flow + returned).square().sum(1, keepdim=True) <= 0.01 * (
        length + returned.square().sum(1, keepdim=True)
    ) + 0.5
    right, below = F.pad(flow.diff(dim=3), (0, 1)), F.pad(flow.diff(dim=2), (0, 0, 0, 1))
    smooth = (right.square() + below.square()).sum(1, keepdim=True) <= 0.01 * length + 0.002
    height, width = image_io.size_of(flow)
    to = _targets(flow)
    inside = (to[:, :1] >= 0) & (to[:, :1] <= width - 1) & (to[:, 1:] >= 0) & (to[:, 1:] <= height - 1)
    return (same & smooth & inside).to(flow)


def still(flow: Tensor, image: Tensor, other: Tensor) -> Tensor:
    """Return where nothing moves and nothing changes, (1, 1, H, W): 1, else 0.

    Args:
        flow: From one image to the other, (1, 2, H, W) in pixels.
        image: (1, 3, H, W) in [0, 1].
        other: Likewise.
    """
    slow = flow.square().sum(1, keepdim=True) < STILL[0] ** 2
    return (slow & (around(difference(image, other)) <= STILL[1])).to(flow)


def difference(image: Tensor, other: Tensor) -> Tensor:
    """Return the mean absolute difference of the channels of two images, (1, 1, H, W)."""
    return (image - other).abs().mean(1, keepdim=True)


def around(x: Tensor) -> Tensor:
    """Return the means over squares of `AROUND` pixels around every pixel, of the shape of x."""
    return F.avg_pool2d(F.pad(x, [AROUND // 2] * 4, mode="replicate"), AROUND, 1)
