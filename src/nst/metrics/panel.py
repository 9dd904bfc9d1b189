"""All figures of a picture, in networks that are named: what `nst evaluate` writes of each pair."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics.functional.image.lpips import learned_perceptual_image_patch_similarity

from nst.data import image_io
from nst.metrics import artifacts, composition, palette, preference, structure
from nst.objective import Objective, Target

STYLE_DISTANCES = ("gram", "moments", "sliced")
"""Figures of a network that compare with the painting; see `Network`."""
CONTENT_DISTANCES = ("content", "cfsd")
"""Figures of a network that compare with the photograph."""


@dataclass(frozen=True)
class Figure:
    """What is known of a figure.

    Attributes:
        of: What it compares a picture with: `style`, `content`, or `both`.
        sign: 1 where less is better, -1 where more is.
        digits: Behind the point, in tables.
    """

    of: str
    sign: int = 1
    digits: int = 3


PLAIN = {
    "lpips": Figure("content"),
    "ssim": Figure("content", sign=-1),
    "color": Figure("style", digits=1),
    "grid": Figure("both", digits=2),
    "grain": Figure("both", digits=2),
    "rim": Figure("both", digits=2),
    "repetition": Figure("both"),
    "leak": Figure("both", digits=2),
    "preference": Figure("both", sign=-1, digits=1),
}
"""Figures without a network of a judge."""


def described(name: str) -> Figure:
    """Return what is known of a figure, by its name: `lpips`, or `<network>.gram`."""
    last = name.rpartition(".")[2]
    return PLAIN.get(last) or Figure("style" if last in STYLE_DISTANCES else "content")


@dataclass(frozen=True)
class Network:
    """A network in which pictures are measured.

    Attributes:
        name: What it is called.
        objective: With the terms `gram`, `moments`, `sliced` (relative, mean over layers) and `content` (likewise).
        layer: In which positions are compared with each other (CFSD).
    """

    name: str
    objective: Objective
    layer: str

    @torch.no_grad()
    def figures(self, picture: Tensor, content: Tensor, style: Tensor) -> dict[str, float]:
        """Return the distances of a picture, of the photograph's size.

        * `gram`: d(G) / d(G_0) with d(G) the mean over layers of ||G - A||^2 / ||A||^2, the Gram matrices G of the
          picture, G_0 of the photograph and A of the painting.
        * `moments`: the same with ||S - T||^2 / ||T||^2 + ||mu - nu||^2 / ||nu||^2 of covariances and means.
        * `sliced`: the same with the sliced squared Wasserstein-2 distance of the features, over their variance.
        * `content`: the mean over layers of ||F - P||^2 / ||P - mean(P)||^2 of the features F and P.
        * `cfsd`: see `structure.self_similarity_distance`.

        The first three are 1 for the photograph and 0 for the painting, the last two 0 for the photograph.

        Source: Gatys, Ecker & Bethge 2016 (`gram`, `content`); Heitz, Vanhoey, Chambon & Belcour 2021
        (`sliced`); Chung, Hyun & Heo 2024 (`cfsd`).
        """
        references = self.objective.references(content, [Target(style)])
        own, photograph = (self._distances(image, references) for image in (picture, content))
        found = {name: own[name] / max(photograph[name], 1e-12) for name in STYLE_DISTANCES}
        maps = [self.objective.backbone(image)[self.layer] for image in (picture, content)]
        return found | {"content": own["content"], "cfsd": structure.self_similarity_distance(*maps)}

    def _distances(self, image: Tensor, references: Mapping[str, object]) -> dict[str, float]:
        losses = self.objective(image, references)
        return {name: float(sum(float(value) for value in layers.values())) for name, layers in losses.items()}


class Panel:
    """All figures of a picture.

    Args:
        networks: In which style and content are measured.
        size: Longest edge at which pictures are measured, pixels.
        lpips: Network of LPIPS, `squeeze`, `alex` or `vgg`; None where torch hub's cache has none.
    """

    def __init__(self, networks: list[Network], *, size: int, lpips: str | None) -> None:
        self.networks = networks
        self.size = size
        self.lpips = lpips

    @torch.no_grad()
    def figures(self, picture: Tensor, content: Tensor, style: Tensor) -> dict[str, float]:
        """Return figure -> value.

        Picture, photograph and painting are reduced to the panel's size, or enlarged to it, so that figures of pictures
        of other sizes compare; the photograph gets the picture's shape.

        Args:
            picture: [0, 1] RGB, (1, 3, H, W).
            content: The photograph, likewise, of any size.
            style: The painting, likewise, of any size.

        Raises:
            ValueError: A picture is too small for a network, or a measure.
        """
        picture, style = (image_io.resize(i, image_io.fit(image_io.size_of(i), self.size, by="longest"))
                          for i in (picture, style))  # fmt: skip
        content = image_io.resize(content, image_io.size_of(picture))
        if min(*image_io.size_of(picture), *image_io.size_of(style)) < artifacts.SMALLEST:
            raise ValueError(
                f"at {self.size} pixels a picture is less than {artifacts.SMALLEST} high or wide; give a larger size"
            )
        found = {
            f"{network.name}.{name}": value
            for network in self.networks
            for name, value in network.figures(picture, content, style).items()
        }
        if self.lpips:
            distance = learned_perceptual_image_patch_similarity(picture, content, net_type=self.lpips, normalize=True)  # type: ignore[arg-type]
            found["lpips"] = float(distance)
        found["ssim"] = structure.ssim_of_grey(picture, content)
        found["color"] = palette.color_distance(picture, style)
        found |= {name: _excess(measure, picture, content, style) for name, measure in artifacts.MEASURES.items()}
        found["leak"] = composition.leak(picture, content, style)
        liked = preference.preference(found)
        return found if liked is None else found | {"preference": liked}


def _excess(measure: Callable[[Tensor], float], picture: Tensor, content: Tensor, style: Tensor) -> float:
    return artifacts.excess(measure(picture), measure(content), measure(style))
