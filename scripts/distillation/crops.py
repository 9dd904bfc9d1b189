"""What students are taught with: random crops of pictures, changed in many ways; crop n follows from the seed and n."""

import hashlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

LARGEST = 640  # pixels, shorter edge of a picture in memory


def load(folder: Path, styles: Path) -> list[Tensor]:
    """Return the pictures of two folders as bytes, (3, H, W) each, sorted by name.

    Raises:
        FileNotFoundError: There is no picture in the first folder.
    """
    files = sorted(folder.glob("*.png"))
    if not files:
        raise FileNotFoundError(f"{folder} holds no *.png; run scripts/gather_photographs.py, or give --pictures")
    return [_read(path) for path in [*files, *sorted(styles.glob("*.jpg"))]]


def _read(path: Path) -> Tensor:
    with Image.open(path) as file:
        image = file.convert("RGB")
    scale = min(1.0, LARGEST / min(image.size))
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def digest(pictures: list[Tensor]) -> str:
    """Return a hash of all pictures: a training goes on only with the pictures it was started with."""
    found = hashlib.sha256()
    for picture in pictures:
        found.update(np.ascontiguousarray(picture.numpy()).tobytes())
    return found.hexdigest()


class Crops:
    """Random crops of pictures.

    Args:
        pictures: (3, H, W) each, bytes.
        edge: Of a crop, pixels.
        seed: Of everything random.
    """

    def __init__(self, pictures: list[Tensor], *, edge: int, seed: int) -> None:
        self.pictures, self.edge, self.seed = pictures, edge, seed

    def plain(self, count: int, *keys: int) -> Tensor:
        """Return crops of pictures, at a random size, flipped or not: (count, 3, edge, edge), [0, 1]."""
        rng = self.random(*keys)
        return torch.stack([self._crop(rng) for _ in range(count)])

    def varied(self, count: int, *keys: int) -> Tensor:
        """Return crops with mixed pictures, changed contrast and colours, and noise of several scales."""
        rng = self.random(*keys)
        return torch.stack([self._vary(self._crop(rng), rng) for _ in range(count)])

    def random(self, *keys: int) -> np.random.Generator:
        """Return the generator that follows from the seed and numbers."""
        return np.random.default_rng([self.seed, *keys])

    def _crop(self, rng: np.random.Generator) -> Tensor:
        picture = self.pictures[rng.integers(len(self.pictures))]
        height, width = picture.shape[1:]
        side = int(min(height, width, self.edge * 2 ** rng.uniform(0, 1.8)))
        top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
        crop = picture[None, :, top : top + side, left : left + side].float() / 255
        crop = F.interpolate(crop, (self.edge,) * 2, mode="bilinear", antialias=True, align_corners=False)[0]
        return crop.flip(2) if rng.random() < 0.5 else crop

    def _vary(self, crop: Tensor, rng: np.random.Generator) -> Tensor:
        if rng.random() < 0.25:  # two pictures at once
            crop = crop.lerp(self._crop(rng), rng.uniform(0.2, 0.5))
        if rng.random() < 0.3:
            crop = crop[rng.permutation(3)]
        if rng.random() < 0.1:
            crop = 1 - crop
        if rng.random() < 0.5:
            grey = crop.mean(0, keepdim=True)
            crop = grey + (crop - grey) * rng.uniform(0.3, 2.0)
            crop = 0.5 + (crop - 0.5) * rng.uniform(0.5, 2.0) + rng.normal(0, 0.08)
        if rng.random() < 0.5:
            scale = int(rng.choice([1, 1, 2, 4]))
            small = (3, -(-self.edge // scale), -(-self.edge // scale))
            noise = torch.from_numpy(rng.normal(0, rng.uniform(0, 0.15), small).astype(np.float32))
            crop = crop + F.interpolate(noise[None], (self.edge,) * 2, mode="bilinear", align_corners=False)[0]
        return crop.clamp(0, 1)
