"""A fixed network that measures results, so that runs with other backbones, layers and weights can be compared."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
import torchvision
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure, total_variation
from torchmetrics.functional.image.lpips import learned_perceptual_image_patch_similarity

from nst.data import image_io, masks
from nst.metrics import FIGURES, MINIMIZABLE
from nst.objective import Objective, References, Target
from nst.utils.errors import check_choice

LPIPS = {"squeeze": "squeezenet1_1", "alex": "alexnet", "vgg": "vgg16"}
"""Network of LPIPS -> the torchvision model whose ImageNet checkpoint it uses."""
SMALLEST_SSIM = 11  # pixels: the edge of SSIM's window
SMALLEST_LPIPS = 32  # pixels, for LPIPS's deepest layer


class Judge:
    """Measures a picture with a fixed network.

    With the features F of the picture and P of the photograph, and the Gram matrices G of the picture, G_0 of the
    photograph and A of the style:

    * `style`: d(G) / d(G_0) with d(G) the mean over layers of ||G - A||^2 / ||A||^2. It is 1 for the photograph and 0
      for the style.
    * `content`: the mean over layers of ||F - P||^2 / ||P - mean(P)||^2, with the mean of each channel over positions.
      It is 0 for the photograph, and about 1 where nothing of it is left.
    * `score`: `style` + `content`. It is 1 for the photograph; lower is better.
    * `ssim`: structural similarity to the photograph, at most 1, which is the photograph.
    * `lpips`: learned perceptual distance to the photograph, 0 or more.
    * `tv`: sum of the absolute differences of neighbouring values, over the number of pixels.

    Attributes:
        note: One line about why figures are missing, or None.

    Args:
        objective: The network, with the terms `style` (`Gram`) and `content` (`Content`), both with
            `reduction=relative` and `layer_reduction=mean`.
        size: Longest edge at which pictures are measured, pixels; larger ones are resized.
        lpips: Network of LPIPS, `squeeze`, `alex` or `vgg`; None for no LPIPS.
        name: Name of the network, for `note` and `metrics.json`.

    Source: Gatys, Ecker & Bethge 2016 (the Gram and feature distances). Wang, Bovik, Sheikh & Simoncelli 2004 (SSIM).
    Zhang, Isola, Efros, Shechtman & Wang 2018 (LPIPS).
    """

    def __init__(self, *, objective: Objective, size: int, lpips: str | None, name: str) -> None:
        if size < 2:
            raise ValueError(f"judge.size is {size}; give the longest edge in pixels, 2 or more")
        self.objective = objective
        self.size = size
        self.name = name
        self.lpips = None if lpips is None else check_choice("judge.lpips", lpips, tuple(LPIPS))
        self.note: str | None = None
        if self.lpips and (missing := lpips_missing(self.lpips)):
            self.note = f"{missing}; judge.lpips=null leaves it out"
            self.lpips = None

    @torch.no_grad()
    def figures(
        self, picture: Tensor, content: Tensor, styles: Sequence[Target], *, alpha: Tensor | None = None
    ) -> dict[str, float | None]:
        """Return the figures of a picture, by name; None for one that is not available.

        Args:
            picture: [0, 1] RGB, (1, 3, H, W).
            content: The photograph, of any size; it is resized to the picture's.
            styles: The styles, of any size.
            alpha: Opacity of the photograph, (1, 1, h, w) of any size; None for opaque.
        """
        edge = min(self.size, max(image_io.size_of(picture)))
        picture = image_io.reduced(picture, edge)
        content = image_io.resize(content, image_io.size_of(picture))
        alpha = None if alpha is None else masks.resize(alpha, image_io.size_of(picture))
        styles = [
            replace(
                style,
                image=image_io.reduced(style.image, edge),
                alpha=None if style.alpha is None else image_io.reduced(style.alpha, edge),
            )
            for style in styles
        ]
        smallest = min(min(image_io.size_of(image)) for image in (picture, *(style.image for style in styles)))
        if smallest < (needed := self.objective.backbone.smallest):
            self.note = f"no figures: {self.name} needs pictures of {needed} pixels or more"
            return dict.fromkeys(FIGURES)
        references = self.objective.references(content, styles, alpha=alpha)
        style, distance = self._distances(picture, references)
        photograph, _ = self._distances(content, references)
        relative = style / photograph if photograph > 0 else math.nan
        found = {
            "score": relative + distance,
            "style": relative,
            "content": distance,
            "ssim": _ssim(picture, content),
            "lpips": self._lpips(picture, content),
            "tv": float(total_variation(picture)) / picture[0, 0].numel(),
        }
        if not math.isfinite(relative):
            self.note = (
                "no score: the photograph has the style's statistics already, so there is no distance to compare"
            )
        return {name: value if math.isfinite(value) else None for name, value in found.items()}

    def _distances(self, picture: Tensor, references: References) -> tuple[float, float]:
        losses = self.objective(picture, references)
        style, content = (float(torch.stack(list(losses[name].values())).sum()) for name in ("style", "content"))
        return style, content

    def _lpips(self, picture: Tensor, content: Tensor) -> float:
        if self.lpips is None or min(image_io.size_of(picture)) < SMALLEST_LPIPS:
            return math.nan
        distance = learned_perceptual_image_patch_similarity(picture, content, net_type=self.lpips, normalize=True)  # type: ignore[arg-type]
        return float(distance)


def _ssim(picture: Tensor, content: Tensor) -> float:
    if min(image_io.size_of(picture)) < SMALLEST_SSIM:
        return math.nan
    value = structural_similarity_index_measure(picture, content, data_range=1.0)
    assert isinstance(value, Tensor)
    return float(value)


def _checkpoint(net: str) -> Path:
    weights = torchvision.models.get_model_weights(LPIPS[net])
    url: str = next(entry for entry in weights if entry.name == "IMAGENET1K_V1").url
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]


def lpips_missing(net: str | None) -> str | None:
    """Return why there is no LPIPS by a network, or None."""
    if net is None:
        return "no LPIPS: judge.lpips=null takes it out"
    path = _checkpoint(check_choice("judge.lpips", net, tuple(LPIPS)))
    return None if path.is_file() else f"no LPIPS: it needs the file {path.name} in {path.parent}"


def check_minimize(names: str | Sequence[str]) -> None:
    """Raise a ValueError if `minimize=` names something that is not measured, or nothing."""
    if not names:
        raise ValueError(f"minimize is {names!r}; give one of {', '.join(MINIMIZABLE)}, or a list of them")
    for name in [names] if isinstance(names, str) else names:
        check_choice("minimize", name, MINIMIZABLE)


def sweep_value(names: str | Sequence[str], figures: Mapping[str, float | None]) -> float | list[float]:
    """Return what a sweep minimises: one value for a name, a list for a list of names.

    Less is better for every value: SSIM counts as 1 - SSIM. A figure that is not available counts as infinity.

    Args:
        names: One of `MINIMIZABLE` or a list of them.
        figures: `loss`, `seconds` and the judge's figures.
    """
    if not isinstance(names, str):
        return [_value(name, figures) for name in names]
    return _value(names, figures)


def _value(name: str, figures: Mapping[str, float | None]) -> float:
    value = figures.get("score" if name == "judge" else name)
    if value is None or not math.isfinite(value):
        return math.inf
    return 1 - value if name == "ssim" else value
