"""Terms over a frozen backbone: from images to one unweighted scalar per term, and each layer's share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nst.backbones.base import Backbone
from nst.losses.term import Stats, Term

References = dict[str, Stats]
"""Term -> layer -> what is kept of the target picture."""


@dataclass(frozen=True)
class Target:
    """A picture to take references from.

    Attributes:
        image: [0, 1] RGB, (1, 3, H, W).
        weight: Its share among pictures of its kind; they are normalised to sum 1.
    """

    image: Tensor
    weight: float = 1.0


class Objective(nn.Module):
    """A frozen backbone and weighted terms.

    Args:
        backbone: Gives every layer that a term reads.
        terms: Name -> term.
    """

    def __init__(self, *, backbone: Backbone, terms: Mapping[str, Term]) -> None:
        super().__init__()
        self.backbone = backbone
        self.terms = nn.ModuleDict(terms)

    def train(self, mode: bool = True) -> "Objective":
        """Stay in evaluation mode: nothing here is trained."""
        return super().train(False)

    @torch.no_grad()
    def references(self, content: Tensor, styles: Sequence[Target]) -> References:
        """Return what the terms keep of the content (1, 3, H, W) and of the styles, mixed by their weights."""
        out: References = {name: {} for name in self.terms}
        seen = self._collect(self.backbone(content), "content")
        out |= {name: stats[0] for name, stats in seen.items()}
        share = sum(style.weight for style in styles)
        if styles and share <= 0:
            raise ValueError(f"the styles' weights sum to {share:g}; give at least one a weight over 0")
        mixed: References = {}
        for style in styles:
            for name, (stats,) in self._collect(self.backbone(style.image), "style").items():
                scaled = {layer: stat * (style.weight / share) for layer, stat in stats.items()}
                before = mixed.get(name)
                mixed[name] = scaled if before is None else {k: before[k] + v for k, v in scaled.items()}
        return out | mixed

    def _collect(self, features: Stats, of: str) -> dict[str, tuple[Stats]]:
        return {name: (term.reference(features),) for name, term in self._of(of)}

    def _of(self, of: str) -> Iterable[tuple[str, Term]]:
        return [(name, term) for name, term in self.named() if term.of == of]

    def named(self) -> list[tuple[str, Term]]:
        """Return (name, term) pairs."""
        return [(name, term) for name, term in self.terms.items() if isinstance(term, Term)]

    def forward(self, image: Tensor, references: References) -> dict[str, Stats]:
        """Return term -> layer -> the layer's share of the term, a scalar without the term's weight.

        Args:
            image: [0, 1] RGB, (1, 3, H, W).
            references: As `references` gives them, for an image of this size.
        """
        features = self.backbone(image)
        return {
            name: term.score(term.measure(features, references[name]), references[name]) for name, term in self.named()
        }

    def total(self, shares: Mapping[str, Stats]) -> Tensor:
        """Return the weighted sum of the terms, a scalar."""
        terms = [term.weight * torch.stack(list(shares[name].values())).sum() for name, term in self.named()]
        return torch.stack(terms).sum()
