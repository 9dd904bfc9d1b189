"""One network for several styles, which differ in the parameters of its norms (Dumoulin et al. 2017)."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst.data.inputs import StylePicture
from nst.methods.network_module import Batch, NetworkMethod, batch_losses, sized, sized_alpha, style_references
from nst.networks import KnownStyles
from nst.objective import Objective, References
from nst.optim.optimization import Optimization


class Multistyle(NetworkMethod):
    """A network that learns S styles; training sample n is painted in style n mod S.

    Args:
        objective: Gives the losses.
        styles: The styles to learn.
        network: Makes the network.
        style_size: Shorter edge of the styles, pixels: it sets the width of the strokes at any size.
        optimization: Optimiser, learning rate and steps.
        before: A trained network and the names of its styles. The new styles are added to it, and only their norm
            parameters are trained, so the old styles do not change by a bit. None: train a new network.
        steady: Weight of the loss that keeps strokes where a photograph moves; see `steadiness`.

    Source: Dumoulin, Shlens & Kudlur 2017.
    """

    name = "multistyle"
    accepts_new_styles = True

    def __init__(
        self,
        *,
        objective: Objective,
        styles: Sequence[StylePicture],
        network: Callable[..., KnownStyles],
        style_size: int,
        optimization: Optimization,
        before: tuple[KnownStyles, Sequence[str]] | None = None,
        steady: float = 0.0,
    ) -> None:
        new = [style.name for style in styles]
        made, known = (network(styles=len(new)), []) if before is None else before
        super().__init__(
            objective=objective,
            network=made,
            style_names=[*known, *new],
            optimization=optimization,
            trained=None if before is None else _added(made, len(new)),
            steady=steady,
        )
        self.first = len(known)
        self.styles = [sized(style, style_size, objective.backbone.smallest) for style in styles]
        self.opacity = [sized_alpha(style, image) for style, image in zip(styles, self.styles, strict=True)]
        self.references: list[References] = []

    def prepare(self, device: torch.device) -> None:
        """Take the references of the styles."""
        self.objective.to(device)
        self.references = style_references(self.objective, [style.to(device) for style in self.styles], self.opacity)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return term -> weighted loss."""
        numbers, contents, _ = batch
        chosen = numbers % len(self.styles)
        mix = self._mix(self.first + chosen).to(contents)
        pictures = self.network(contents, mix)
        losses = batch_losses(self.objective, pictures, contents, [self.references[i] for i in chosen.tolist()])
        return losses | self.temporal(lambda images: self.network(images, mix), contents, pictures, numbers)

    def _mix(self, chosen: Tensor) -> Tensor:
        """One-hot weights of the styles, (N, S), for their numbers (N,)."""
        return F.one_hot(chosen, len(self.style_names)).float()

    def preview(self, content: Tensor) -> dict[str, Tensor]:
        """Return the photograph (1, 3, H, W) in each of the styles that are being learned."""
        return {
            name: self.network(content, self._mix(torch.tensor([i])).to(content))
            for i, name in enumerate(self.style_names)
            if i >= self.first
        }


def _added(network: KnownStyles, count: int) -> list[nn.Parameter]:
    """Freeze a network, add styles to it, and return their parameters."""
    network.requires_grad_(False)
    added = [parameter for _ in range(count) for parameter in network.add_style()]
    for parameter in added:
        parameter.requires_grad_(True)
    return added
