"""One network for any style (Huang & Belongie 2017)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nst.data import image_io
from nst.data.inputs import StylePicture
from nst.methods.network_module import Batch, NetworkMethod, batch_losses, sized, sized_alpha, style_references
from nst.networks import Adain, StyleBlend
from nst.networks.instance_norm import mean_deviation
from nst.objective import Objective
from nst.optim.optimization import Optimization

LEAST = 16  # pixels: the shorter edge of a named style, from which four positions of the encoder are left


class AdainMethod(NetworkMethod):
    """An encoder and a decoder that learn to paint with the feature statistics of any style.

    Each photograph is painted in a style (losses: the objective's). A quarter of them are painted again at strength 0
    (loss: the mean squared distance to the photograph), so that the encoder keeps the content.

    Args:
        objective: Gives the losses.
        styles: Named styles; their statistics are stored with the network, so that they can be asked for by name.
        network: Makes the network.
        style_size: Shorter edge of the named styles, pixels.
        copy: Weight of the photographs painted again.
        optimization: Optimiser, learning rate and steps.
        steady: Weight of the loss that keeps strokes where a photograph moves; see `steadiness`.

    Source: Huang & Belongie 2017.

    Differs: the encoder is trained too, hence `copy`; the content loss looks at the photograph instead of at the AdaIN
    features.
    """

    name = "adain"
    needs_style_pictures = True

    def __init__(
        self,
        *,
        objective: Objective,
        styles: Sequence[StylePicture],
        network: Callable[..., Adain],
        style_size: int,
        copy: float,
        optimization: Optimization,
        steady: float = 0.0,
    ) -> None:
        if copy < 0:
            raise ValueError(f"method.copy is {copy:g}; give 0 or more")
        self.network: Adain
        super().__init__(
            objective=objective,
            network=network(),
            style_names=[style.name for style in styles],
            optimization=optimization,
            steady=steady,
        )
        images = [sized(style, style_size, LEAST) for style in styles]
        opacity = [sized_alpha(style, image) for style, image in zip(styles, images, strict=True)]
        stride = self.network.stride
        self.styles = [image_io.crop_to_multiple(image, stride) for image in images]
        self.opacity = [None if one is None else image_io.crop_to_multiple(one, stride) for one in opacity]
        self.copy = copy

    def prepare(self, device: torch.device) -> None:
        """Move the objective and the named styles to the device."""
        self.objective.to(device)
        self.styles = [style.to(device) for style in self.styles]

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return term -> weighted loss, with `copy` among them."""
        numbers, contents, styles = batch
        references = style_references(self.objective, [style[None].float() for style in styles])
        encoded = self.network.encoder(contents)
        means, deviations = self.network.style_statistics(styles)
        blend = StyleBlend(means[:, None], deviations[:, None], means.new_ones(len(means), 1, 1, 1))
        pictures = self.network.decoder(*self.network.normalise(encoded, blend), 1.0)
        some = slice(0, max(1, len(contents) // 4))
        again = self.network.decoder(encoded[some], mean_deviation(encoded[some]), 0.0)
        copy = self.copy * (again.float() - contents[some]).square().mean()
        losses = batch_losses(self.objective, pictures, contents, references) | {"copy": copy}
        return losses | self.temporal(lambda images: self.network(images, blend), contents, pictures, numbers)

    def preview(self, content: Tensor) -> dict[str, Tensor]:
        """Return the photograph (1, 3, H, W) in each named style."""
        out = {}
        for name, style, alpha in zip(self.style_names, self.styles, self.opacity, strict=True):
            visible = None if alpha is None else alpha.to(content)
            mean, deviation = self.network.style_statistics(style.to(content), visible)
            out[name] = self.network(content, StyleBlend(mean[None], deviation[None], mean.new_ones(1, 1, 1, 1)))
        return out

    @torch.no_grad()
    def statistics(self) -> dict[str, Tensor]:
        """Return the channel means and deviations of the named styles, (S, C) each."""
        like = next(self.network.parameters())
        looks = [
            self.network.style_statistics(style.to(like), None if alpha is None else alpha.to(like))
            for style, alpha in zip(self.styles, self.opacity, strict=True)
        ]
        return {
            "means": torch.cat([mean for mean, _ in looks]).cpu(),
            "deviations": torch.cat([deviation for _, deviation in looks]).cpu(),
        }
