"""What the network methods share: the losses of a batch, picture by picture, against references taken before."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from nst.data import image_io
from nst.losses.base import Stats
from nst.objective import Objective, Part, References

Batch = tuple[Tensor, Tensor, Tensor]
"""Numbers of the lessons (N,), photographs (N, 3, h, w), styles (N, 3, h, w) or nothing."""


class Task(Protocol):
    """What a network method is: a network, and the losses of one batch.

    Attributes:
        name: The word typed for it.
        network: What is trained.
        objective: Frozen; gives the losses.
        names: Of the styles.
        alone: The parameters that are trained, where not all are.
    """

    name: str
    network: nn.Module
    objective: Objective
    names: list[str]
    alone: list[nn.Parameter] | None

    def prepare(self, device: torch.device) -> None:
        """Take the references that stay."""

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return name -> weighted loss, a scalar; the total is their sum."""

    def preview(self, content: Tensor) -> dict[str, Tensor]:
        """Return name -> picture (1, 3, H, W) of a photograph in each style."""

    def keeps(self) -> dict[str, Tensor]:
        """Return what a trained network needs besides its parameters."""


@torch.no_grad()
def style_references(objective: Objective, styles: Sequence[Tensor]) -> list[References]:
    """Take the references of each style (1, 3, h, w) alone."""
    out = []
    for style in styles:
        features = objective.backbone(style)
        terms = [(name, term) for name, term in objective.named() if term.of == "style"]
        out.append({name: [Part(term.reference(features))] for name, term in terms})
    return out


def batch_losses(
    objective: Objective, pictures: Tensor, contents: Tensor, references: Sequence[References]
) -> dict[str, Tensor]:
    """Return term -> weighted loss, the mean over a batch, in float32 whatever the network computes in.

    Args:
        objective: Gives the terms.
        pictures: What the network painted, (N, 3, h, w) in [0, 1].
        contents: The photographs, likewise.
        references: Of each picture's style.
    """
    with torch.autocast(pictures.device.type, enabled=False):
        with torch.no_grad():
            wanted = objective.backbone(contents.float())
        features = objective.backbone(pictures.float())
        rows = [_one(objective, _row(features, i), _row(wanted, i), references[i]) for i in range(len(pictures))]
    return {name: torch.stack([row[name] for row in rows]).mean() for name in rows[0]}


def _row(features: Stats, i: int) -> Stats:
    return {layer: maps[i : i + 1] for layer, maps in features.items()}


def _one(objective: Objective, features: Stats, wanted: Stats, styles: References) -> dict[str, Tensor]:
    out = {}
    for name, term in objective.named():
        if term.of == "style":
            aims = [part.stats for part in styles[name]]
        else:
            aims = [term.reference(wanted) if term.of == "content" else {}]
        shares = [share for aim in aims for share in term.score(term.measure(features, aim), aim).values()]
        out[name] = term.weight * torch.stack(shares).sum()
    return out


def sized(style: Tensor, edge: int, scale: float) -> Tensor:
    """Return a style with its shorter edge of `edge * scale` pixels, but no larger than it is."""
    return image_io.reduced(style, max(2.0, edge * scale), by="shortest")
