"""CNNMRF: each patch of the features should be like the style's patch that resembles it most."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.losses.base import Stats, at_least_float32, check_count, layer_mask
from nst.losses.sampling import SampledLoss, sample_positions, total_variance, weighted_mean, with_weights
from nst.utils.errors import check_choice


class MarkovPatches(SampledLoss):
    """Squared distance of the image's patches, x_i, from their nearest neighbours among the style's, y_j.

    `d = 1/n sum_i ||x_i - y_NN(i)||^2` with `NN(i) = argmax_j <x_i, y_j> / (|x_i| |y_j|)`. A patch covers `patch` x
    `patch` positions and has D = C `patch`^2 values. The distance of a layer depends on `reduction`:

    * `relative`: d / tr Cov(y), the mean squared distance of the style's patches from their mean.
    * `mean`: d / D.
    * `sum`: d.

    Args:
        layers: Layer name -> weight.
        weight: Weight of the term.
        reduction: See above.
        layer_reduction: `sum` or `mean` over the layers.
        patch: Edge of a patch, positions of the layer.
        positions: Largest number n of patches of the image in a sample, drawn anew at every step.
        candidates: Largest number m of patches of the style in a sample, drawn once.

    Source: Li & Wand 2016 (Combining Markov Random Fields and Convolutional Neural Networks for Image Synthesis),
    equations 2 and 3.

    Differs: `relative` and `mean` are ours. Patches are sampled. The style is not rotated and scaled for more patches.
    """

    def __init__(
        self,
        *,
        layers: Mapping[str, float],
        weight: float,
        reduction: str,
        layer_reduction: str,
        patch: int,
        positions: int,
        candidates: int,
    ) -> None:
        super().__init__(
            layers=layers, weight=weight, layer_reduction=layer_reduction, positions=positions, candidates=candidates
        )
        self.reduction = check_choice("reduction", reduction, ("relative", "mean", "sum"))
        self.patch = check_count("patch", patch)

    def sample(self, features: Stats, mask: Stats | None, *, most: int, seed: int) -> Stats:
        """Return layer -> up to `most` patches as rows, with the weights of their centres last, (n, D + 1).

        Raises:
            ValueError: A layer is smaller than a patch.
        """
        return {k: self._patches(k, features[k], layer_mask(mask, k), most, seed) for k in self.layers}

    def distance(self, image: Tensor, style: Tensor) -> Tensor:
        """Return the distance from samples of the image, (n, D + 1), and of the style, (m, D)."""
        x, weights = image[:, :-1], image[:, -1]
        with torch.no_grad():
            nearest = (x @ F.normalize(style).T).argmax(1)  # |x_i| does not change which is the largest
        distance = weighted_mean((x - style[nearest]).square().sum(1), weights)
        if self.reduction == "relative":
            return distance / total_variance(style)
        return distance / {"mean": style.shape[1], "sum": 1}[self.reduction]

    def _patches(self, layer: str, features: Tensor, mask: Tensor | None, most: int, seed: int) -> Tensor:
        f, edge = features[0], self.patch
        height, width = f.shape[-2] - edge + 1, f.shape[-1] - edge + 1
        if min(height, width) < 1:
            raise ValueError(
                f"layer {layer} has {f.shape[-1]} x {f.shape[-2]} positions, fewer than a patch of {edge} x {edge}; "
                f"give a larger size=, fewer pyramid.levels=, a smaller patch or shallower layers"
            )
        centres = slice(edge // 2, edge // 2 + height), slice(edge // 2, edge // 2 + width)
        inner = None if mask is None else mask[0, 0][centres]
        chosen = sample_positions(height * width, inner, most=most, seed=seed).to(f.device)
        offsets = torch.arange(edge, device=f.device)
        rows = (chosen // width)[:, None, None] + offsets[:, None]  # (n, edge, 1)
        columns = (chosen % width)[:, None, None] + offsets  # (n, 1, edge)
        values = f[:, rows, columns].movedim(0, 1).flatten(1)  # (n, C edge^2)
        return with_weights(at_least_float32(values), inner, chosen)
