"""One network for one style (Johnson et al. 2016)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from nst.data.inputs import StylePicture
from nst.methods.lesson import Batch, batch_losses, sized, style_references
from nst.networks import Transformer
from nst.objective import Objective, References


class Feedforward:
    """A transformer that learns one style.

    Args:
        objective: Gives the losses.
        styles: The style; a list of one.
        network: Makes the network.
        style_size: Shorter edge at which the style is seen, pixels: strokes are as wide as there, whatever is painted.

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
    ) -> None:
        if len(styles) != 1:
            raise ValueError(f"method=feedforward learns one style, not {len(styles)}; give one, or method=multistyle")
        self.objective = objective
        self.names = [style.name for style in styles]
        self.network = network(styles=1)
        self.style = sized(styles[0].image, style_size, styles[0].scale)
        self.alone: list[nn.Parameter] | None = None
        self.references: list[References] = []

    def prepare(self, device: torch.device) -> None:
        """Take the style's references."""
        self.objective.to(device)
        self.references = style_references(self.objective, [self.style.to(device)])

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return term -> weighted loss."""
        _, contents, _ = batch
        painted = self.network(contents, contents.new_ones(1, 1))
        return batch_losses(self.objective, painted, contents, self.references * len(contents))

    def preview(self, content: Tensor) -> dict[str, Tensor]:
        """Return the photograph (1, 3, H, W) in the style."""
        return {self.names[0]: self.network(content, content.new_ones(1, 1))}

    def keeps(self) -> dict[str, Tensor]:
        """Return nothing: the network is all."""
        return {}
