"""The training images: procedural textures, the bundled styles, and free images in scikit-image's wheel."""

from pathlib import Path

import numpy as np
import skimage.data
import torch
from PIL import Image
from torch import Tensor

from embedded.textures import MAKERS, Floats, tint

STYLES = Path(__file__).resolve().parents[2] / "src" / "nst" / "assets" / "styles"
FREE = "astronaut brick camera cell chelsea clock_motion coffee grass gravel horse hubble_deep_field retina rocket text"
"""Files in skimage/data that scikit-image documents as CC0 or public domain."""


def pool(rng: np.random.Generator, count: int, edge: int) -> Tensor:
    """Return procedural images, and as many crops of styles and free images: (2 * count, 3, edge, edge), [0, 1].

    Args:
        rng: Source of randomness.
        count: Images of each of the two kinds.
        edge: Pixels.
    """
    made = [MAKERS[i % len(MAKERS)](rng, edge) for i in range(count)]
    found = originals()
    cuts = [_cut(found[i % len(found)], rng, edge) for i in range(count if found else 0)]
    return torch.stack([_vary(torch.from_numpy(p).permute(2, 0, 1).clamp(0, 1), rng) for p in made + cuts])


def originals() -> list[Floats]:
    """Return the styles, three times each, and the free images, once each: (H, W, 3)."""
    folder = Path(skimage.data.__file__).parent
    free = [file for name in FREE.split() for file in sorted(folder.glob(f"{name}.*"))]
    files = sorted(STYLES.glob("*.jpg")) * 3 + free
    return [np.asarray(Image.open(file).convert("RGB"), np.float32) / 255 for file in files]


def _cut(picture: Floats, rng: np.random.Generator, edge: int) -> Floats:
    """Return a random square of at least `edge` pixels, resized to `edge`; half of the grey ones are coloured."""
    height, width = picture.shape[:2]
    side = int(min(height, width, edge * 2 ** rng.uniform(0, 2)))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    cut = picture[top : top + side, left : left + side]
    if np.ptp(cut, axis=2).max() < 0.02 and rng.random() < 0.5:
        cut = tint(rng, cut[..., 0])
    image = Image.fromarray((cut * 255).clip(0, 255).astype(np.uint8))
    return np.asarray(image.resize((edge, edge), Image.Resampling.LANCZOS), np.float32) / 255


def _vary(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """Rotate and recolour an image, and add pixel noise to a quarter of them: noise must be recognised too."""
    picture = _recolour(_turn(picture, rng), rng)
    noise = rng.normal(0, rng.choice([0, 0, 0, 1]) * rng.uniform(0, 0.12), picture.shape)
    return (picture + torch.from_numpy(noise).float()).clamp(0, 1)


def _turn(picture: Tensor, rng: np.random.Generator) -> Tensor:
    picture = picture.rot90(int(rng.integers(4)), (1, 2))
    return picture.flip(2) if rng.random() < 0.5 else picture


def _recolour(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """Change brightness, contrast and saturation, and permute the channels of half of the images."""
    if rng.random() < 0.5:
        picture = picture[rng.permutation(3)]
    if rng.random() < 0.2:
        picture = 1 - picture
    grey = picture.mean(0, keepdim=True)
    picture = grey + (picture - grey) * rng.uniform(0.5, 1.3)
    return (0.5 + (picture - 0.5) * rng.uniform(0.7, 1.3) + rng.normal(0, 0.08)).clamp(0, 1)
