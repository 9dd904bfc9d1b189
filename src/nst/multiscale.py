"""An objective over several sizes of the picture at once."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from nst.data import image_io, masks
from nst.losses.base import Stats
from nst.objective import Earlier, Objective, References, Target
from nst.utils.distributed import SINGLE_PROCESS, Ranks


class MultiscaleObjective(Objective):
    """The mean of the losses over the picture, its half, its quarter and so on: `1/n sum_i L(D_i x; D_i c, D_i s)`.

    D_i reduces the picture x, the content c and the styles s to `1 / 2^i` by averaging areas. Every loss is taken at
    every size. A network then sees strokes that are 2^i times as wide as its receptive fields allow.

    Args:
        scales: The number n of sizes, 1 or more.
        options: Those of `Objective`. At each size the picture is cut into tiles by itself.

    Source: Galerne, Wang, Raad & Morel 2025 (SGSST, arXiv 2412.03371), section 3 (simultaneously optimised scales).

    Differs: pictures are reduced by averages, where the authors' code interpolates linearly, without anti-aliasing.
    """

    def __init__(self, *, scales: int, **options: Any) -> None:
        if scales < 1:
            raise ValueError(
                f"scales is {scales}; give 1 for the picture alone, or the number of sizes, each half the last"
            )
        super().__init__(**options)
        self.scales = scales

    @property
    def smallest(self) -> int:
        """The shorter edge that a picture and its styles must have, pixels."""
        return self.backbone.smallest << (self.scales - 1)

    def references(
        self,
        content: Tensor,
        styles: Sequence[Target],
        ranks: Ranks = SINGLE_PROCESS,
        *,
        alpha: Tensor | None = None,
        earlier: Sequence[Earlier] = (),
    ) -> References:
        """Return the references of each size, under names that `_at` gives."""
        out: References = {}
        for scale in range(self.scales):
            small = _reduced(content, scale)
            size = image_io.size_of(small)
            seen = [
                replace(
                    style,
                    image=_reduced(style.image, scale),
                    mask=None if style.mask is None else masks.resize(style.mask, size),
                    alpha=None if style.alpha is None else _reduced(style.alpha, scale),
                )
                for style in styles
            ]
            visible = None if alpha is None else _reduced(alpha, scale)
            past = [Earlier(image_io.area(one.image, size), image_io.area(one.weight, size)) for one in earlier]
            found = super().references(small, seen, ranks, alpha=visible, earlier=past)
            out |= {_at(name, scale): value for name, value in found.items()}
        return out

    def forward(self, image: Tensor, references: References, ranks: Ranks = SINGLE_PROCESS) -> dict[str, Stats]:
        """Return term -> layer and size -> its share of the loss, a scalar."""
        out: dict[str, Stats] = {name: {} for name, _ in self.named()}
        for scale in range(self.scales):
            own = {name: references[_at(name, scale)] for name in out}
            for name, losses in super().forward(_reduced(image, scale), own, ranks).items():
                out[name] |= {_at(layer, scale): loss / self.scales for layer, loss in losses.items()}
        return out


def _at(name: str, scale: int) -> str:
    return f"{name} 1:{2**scale}" if scale else name


def _reduced(image: Tensor, scale: int) -> Tensor:
    """Return an image (1, 3, H, W) at `1 / 2^scale` of its size, rounded up."""
    if scale == 0:
        return image
    size = [-(-length // 2**scale) for length in image_io.size_of(image)]
    return image_io.area(image, size)
