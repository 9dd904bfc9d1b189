"""One network for several styles, which differ in the parameters of its norms (Dumoulin et al. 2017)."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst.data.inputs import StylePicture
from nst.methods.lesson import Batch, batch_losses, sized, style_references
from nst.networks import Transformer
from nst.objective import Objective, References


class Multistyle:
    """A transformer that learns several styles; picture n of the training is painted in style n mod S.

    Args:
        objective: Gives the losses.
        styles: The styles that are learned.
        network: Makes the network.
        style_size: Shorter edge at which styles are seen, pixels: strokes are as wide as there, whatever is painted.
        before: A trained network and the names of its styles: the new ones are added to it, and only their norm
            parameters are trained, so the others keep every bit. None: begin anew.

    Source: Dumoulin, Shlens & Kudlur 2017.
    """

    name = "multistyle"

    def __init__(
        self,
        *,
        objective: Objective,
        styles: Sequence[StylePicture],
        network: Callable[..., Transformer],
        style_size: int,
        before: tuple[Transformer, Sequence[str]] | None = None,
    ) -> None:
        self.objective = objective
        self.styles = [sized(style.image, style_size, style.scale) for style in styles]
        self.references: list[References] = []
        new = [style.name for style in styles]
        if before is None:
            self.network, self.names, self.first = network(styles=len(styles)), new, 0
            self.alone: list[nn.Parameter] | None = None
        else:
            self.network, self.names, self.first = before[0], [*before[1], *new], len(before[1])
            self.network.requires_grad_(False)
            self.alone = [parameter for _ in new for parameter in self.network.add_style()]
            for parameter in self.alone:
                parameter.requires_grad_(True)

    def prepare(self, device: torch.device) -> None:
        """Take the styles' references."""
        self.objective.to(device)
        self.references = style_references(self.objective, [style.to(device) for style in self.styles])

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return term -> weighted loss."""
        numbers, contents, _ = batch
        chosen = numbers % len(self.styles)
        painted = self.network(contents, self._mix(self.first + chosen).to(contents))
        return batch_losses(self.objective, painted, contents, [self.references[i] for i in chosen.tolist()])

    def _mix(self, chosen: Tensor) -> Tensor:
        return F.one_hot(chosen, len(self.names)).float()

    def preview(self, content: Tensor) -> dict[str, Tensor]:
        """Return the photograph (1, 3, H, W) in each of the styles that are learned."""
        return {
            name: self.network(content, self._mix(torch.tensor([i])).to(content))
            for i, name in enumerate(self.names)
            if i >= self.first
        }

    def keeps(self) -> dict[str, Tensor]:
        """Return nothing: the network is all."""
        return {}
