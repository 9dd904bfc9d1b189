"""One network for one style (Johnson et al. 2016)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nst.data.inputs import StylePicture
from nst.methods.network_module import Batch, NetworkMethod, batch_losses, sized, sized_alpha, style_references
from nst.networks import Transformer
from nst.objective import Objective, References
from nst.optim.optimization import Optimization


class Feedforward(NetworkMethod):
    """A transformer network that learns one style.

    Args:
        objective: Gives the losses.
        styles: The style; a list of one.
        network: Makes the network.
        style_size: Shorter edge of the style, pixels: it sets the width of the strokes at any size.
        optimization: Optimiser, learning rate and steps.

    Raises:
        ValueError: There are several styles.

    Source: Johnson, Alahi & Fei-Fei 2016.
    """

    name = "feedforward"

    def __init__(
        self,
        *,
        objective: Objective,
        styles: Sequence[StylePicture],
        network: Callable[..., Transformer],
        style_size: int,
        optimization: Optimization,
    ) -> None:
        if len(styles) != 1:
            raise ValueError(f"method=feedforward learns one style, not {len(styles)}; give one, or method=multistyle")
        super().__init__(
            objective=objective,
            network=network(styles=1),
            style_names=[styles[0].name],
            optimization=optimization,
        )
        self.style = sized(styles[0], style_size, objective.backbone.smallest)
        self.alpha = sized_alpha(styles[0], self.style)
        self.references: list[References] = []

    def prepare(self, device: torch.device) -> None:
        """Take the references of the style."""
        self.objective.to(device)
        self.references = style_references(self.objective, [self.style.to(device)], [self.alpha])

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return term -> weighted loss."""
        _, contents, _ = batch
        pictures = self.network(contents, contents.new_ones(1, 1))
        return batch_losses(self.objective, pictures, contents, self.references * len(contents))

    def preview(self, content: Tensor) -> dict[str, Tensor]:
        """Return the photograph (1, 3, H, W) in the style."""
        return {self.style_names[0]: self.network(content, content.new_ones(1, 1))}
