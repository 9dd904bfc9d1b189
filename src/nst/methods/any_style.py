"""One network for any style, its norms predicted from a picture of the style (Ghiasi et al. 2017)."""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor

from nst.backbones import weights
from nst.data.inputs import StylePicture
from nst.methods.network_module import Batch, NetworkMethod, batch_losses, sized, sized_alpha, style_references
from nst.networks import AnyStyle, UNet, io
from nst.objective import Objective
from nst.optim.optimization import Optimization
from nst.utils.files import user_path

LEAST = 16  # pixels: the shorter edge of a named style, from which four positions are left after two poolings
SHIPPED = "multistyle"
"""The network that comes with nst, as `start`."""


class AnyStyleMethod(NetworkMethod):
    """A network that learns to paint in the style of any picture: every photograph is painted in another one's.

    Args:
        objective: Gives the losses.
        styles: Named styles; their embeddings are stored with the network, so that they can be asked for by name.
        network: Makes the network.
        style_size: Shorter edge of the named styles and of a user's, pixels: it sets the width of the strokes.
        start: A network of method=multistyle for the same named styles, a file or `multistyle`, the one that comes with
            nst; from the start all that is painted is a mix of its styles. None: random parameters.
        optimization: Optimiser, learning rate and steps.
        steady: Weight of the loss that keeps strokes where a photograph moves; see `steadiness`.

    Source: Ghiasi et al. 2017.
    """

    name = "any_style"
    needs_style_pictures = True

    def __init__(
        self,
        *,
        objective: Objective,
        styles: Sequence[StylePicture],
        network: Callable[..., AnyStyle],
        style_size: int,
        start: str | None,
        optimization: Optimization,
        steady: float = 0.0,
    ) -> None:
        made = network()
        super().__init__(
            objective=objective,
            network=made,
            style_names=[style.name for style in styles],
            optimization=optimization,
            trained=[parameter for parameter in made.parameters() if parameter.requires_grad],
            steady=steady,
        )
        self.styles = [sized(style, style_size, LEAST) for style in styles]
        self.opacity = [sized_alpha(style, image) for style, image in zip(styles, self.styles, strict=True)]
        seen = weights.read(weights.EMBEDDED["small_vgg19"])
        for name, conv in made.statistics.convs.items():
            conv.load_state_dict({key: seen[f"trunk.conv{name}.{key}"] for key in ("weight", "bias")})
        made.statistics.standardise(self.styles)
        if start is not None:
            self._begin(made, start)

    def _begin(self, network: AnyStyle, start: str) -> None:
        trained = io.load(io.bundled(SHIPPED) if start == SHIPPED else user_path(start))
        if not isinstance(trained.network, UNet) or trained.network.accepts_any_style:
            raise ValueError(f"method.start={start} is of method={trained.method}; give a network of method=multistyle")
        if trained.styles != self.style_names:
            raise ValueError(
                f"method.start={start} knows {', '.join(trained.styles)}, not {', '.join(self.style_names)}; "
                f"give style= the same ones, or method.start=null"
            )
        told = [network.statistics(style, alpha) for style, alpha in zip(self.styles, self.opacity, strict=True)]
        network.begin_with(trained.network, torch.cat(told))

    def prepare(self, device: torch.device) -> None:
        """Move the objective and the named styles to the device."""
        self.objective.to(device)
        self.styles = [style.to(device) for style in self.styles]

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return term -> weighted loss."""
        numbers, contents, styles = batch
        references = style_references(self.objective, [style[None].float() for style in styles])
        network = cast(AnyStyle, self.network)
        codes = network.embed(styles)[..., None, None]
        pictures = network(contents, codes)
        losses = batch_losses(self.objective, pictures, contents, references)
        return losses | self.temporal(lambda images: network(images, codes), contents, pictures, numbers)

    def preview(self, content: Tensor) -> dict[str, Tensor]:
        """Return the photograph (1, 3, H, W) in each named style."""
        codes = self.statistics()["embeddings"].to(content)
        return {
            name: self.network(content, code[None, :, None, None])
            for name, code in zip(self.style_names, codes, strict=True)
        }

    @torch.no_grad()
    def statistics(self) -> dict[str, Tensor]:
        """Return the embeddings of the named styles, (S, E)."""
        network = cast(AnyStyle, self.network)
        like = next(network.parameters())
        codes = [
            network.embed(style.to(like), None if alpha is None else alpha.to(like))
            for style, alpha in zip(self.styles, self.opacity, strict=True)
        ]
        return {"embeddings": torch.cat(codes).cpu()}
