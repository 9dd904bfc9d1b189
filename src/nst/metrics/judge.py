"""Figures that do not depend on a run's own loss, so that runs with other backbones, layers and weights compare."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
import torchvision
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure, total_variation
from torchmetrics.functional.image.lpips import learned_perceptual_image_patch_similarity

from nst.data import image_io
from nst.losses.base import check_choice
from nst.objective import Objective, References, Target

LPIPS = {"squeeze": "squeezenet1_1", "alex": "alexnet", "vgg": "vgg16"}
"""Network of LPIPS -> the torchvision model whose ImageNet checkpoint it stands on."""
FIGURES = ("score", "style", "content", "ssim", "lpips", "tv")
OBJECTIVES = ("loss", "judge", "style", "content", "ssim", "lpips", "tv", "seconds")
"""What `minimize=` may name; `judge` is the score, and `ssim` counts as 1 - SSIM, so that less is better of all."""


class Judge:
    """A fixed network that looks at the content, the styles and the picture.

    * `style`: mean over the layers of ||G - A||^2 / ||A||^2, G and A the Gram matrices of the picture and the style,
      over the same of the photograph: 1 for the photograph, 0 for the style.
    * `content`: ||F - P||^2 / ||P - mean P||^2, F and P the features of the picture and the photograph: 0 for the
      photograph, about 1 where nothing of it is left.
    * `score`: their sum: 1 for the photograph; less is better.
    * `ssim`: structural similarity to the photograph, 1 for itself. `lpips`: the distance of Zhang et al. to it, or 0.
    * `tv`: mean absolute difference of neighbours, over the pixels.

    Attributes:
        note: Why a figure is missing, one line, or None.

    Args:
        objective: The network with the terms `style` and `content`, both relative.
        size: Longest edge at which pictures are judged, pixels; larger ones are reduced to it.
        lpips: Its network, `squeeze`, `alex` or `vgg`, or None for no LPIPS.
        name: What the network is called.
    """

    def __init__(self, *, objective: Objective, size: int, lpips: str | None, name: str) -> None:
        if size < 2:
            raise ValueError(f"judge.size is {size}; give the longest edge in pixels, 2 or more")
        self.objective = objective
        self.size = size
        self.name = name
        self.lpips = None if lpips is None else check_choice("judge.lpips", lpips, tuple(LPIPS))
        self.note: str | None = None
        if self.lpips and not (place := _checkpoint(self.lpips)).is_file():
            self.note = f"no LPIPS: its network needs {place.name} in {place.parent}; judge.lpips=null does without"
            self.lpips = None

    @torch.no_grad()
    def figures(self, picture: Tensor, content: Tensor, styles: Sequence[Target]) -> dict[str, float | None]:
        """Judge a picture.

        Args:
            picture: [0, 1] RGB, (1, 3, H, W).
            content: The photograph; it is resampled to the picture's size.
            styles: The styles, at any size.

        Returns:
            The figures above; None where one can't be had.
        """
        edge = min(self.size, max(image_io.size_of(picture)))
        picture = self._reduced(picture, edge)
        content = image_io.resize(content, image_io.size_of(picture))
        aims = [replace(style, image=self._reduced(style.image, edge)) for style in styles]
        smallest = min(min(image_io.size_of(image)) for image in (picture, *(aim.image for aim in aims)))
        if smallest < self.objective.backbone.smallest:
            self.note = (
                f"no judgement: {self.name} needs pictures of {self.objective.backbone.smallest} pixels and more"
            )
            return dict.fromkeys(FIGURES)
        references = self.objective.references(content, aims)
        style, distance = self._distances(picture, references)
        photograph, _ = self._distances(content, references)
        relative = style / photograph if photograph > 0 else math.nan
        return {
            "score": _number(relative + distance),
            "style": _number(relative),
            "content": _number(distance),
            "ssim": _number(_ssim(picture, content)),
            "lpips": self._lpips(picture, content),
            "tv": _number(float(total_variation(picture)) / picture[0, 0].numel()),
        }

    def _reduced(self, image: Tensor, edge: int) -> Tensor:
        height, width = image_io.size_of(image)
        scale = min(1.0, edge / max(height, width))
        return image_io.resize(image, (max(1, round(height * scale)), max(1, round(width * scale))))

    def _distances(self, picture: Tensor, references: References) -> tuple[float, float]:
        shares = self.objective(picture, references)
        style, content = (float(torch.stack(list(shares[name].values())).sum()) for name in ("style", "content"))
        return style, content

    def _lpips(self, picture: Tensor, content: Tensor) -> float | None:
        if self.lpips is None or min(image_io.size_of(picture)) < 32:  # its deepest layer needs 32
            return None
        distance = learned_perceptual_image_patch_similarity(picture, content, net_type=self.lpips, normalize=True)  # type: ignore[arg-type]
        return _number(float(distance))


def _ssim(picture: Tensor, content: Tensor) -> float:
    if min(image_io.size_of(picture)) < 11:  # its window
        return math.nan
    value = structural_similarity_index_measure(picture, content, data_range=1.0)
    assert isinstance(value, Tensor)
    return float(value)


def _checkpoint(net: str) -> Path:
    weights = torchvision.models.get_model_weights(LPIPS[net])
    url: str = next(entry for entry in weights if entry.name == "IMAGENET1K_V1").url
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def check_objective(names: str | Sequence[str]) -> None:
    """Refuse an objective that is none."""
    if not names:
        raise ValueError(f"minimize is {names!r}; give one of {', '.join(OBJECTIVES)}, or a list of them")
    for name in [names] if isinstance(names, str) else names:
        check_choice("minimize", name, OBJECTIVES)


def objective(names: str | Sequence[str], figures: Mapping[str, float | None]) -> float | list[float]:
    """Give what a sweeper minimises: one figure, or a list for several; infinity for one that can't be had.

    Args:
        names: Of `OBJECTIVES`.
        figures: `loss`, `seconds` and the judge's.
    """
    if not isinstance(names, str):
        return [_one(name, figures) for name in names]
    return _one(names, figures)


def _one(name: str, figures: Mapping[str, float | None]) -> float:
    value = figures.get("score" if name == "judge" else name)
    if value is None or not math.isfinite(value):
        return math.inf
    return 1 - value if name == "ssim" else value
