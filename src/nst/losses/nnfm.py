"""Nearest-neighbour feature matching: each feature of the image should look like some feature of the style."""

from torch import Tensor

from nst.losses.sampling import SampledLoss, cosine_distance, weighted_mean


class NearestFeatures(SampledLoss):
    """Mean over positions of the cosine distance to the style's nearest feature.

    `1/n sum_i min_j (1 - cos(x_i, y_j))`, in [0, 2], with the features of the image x_i, (C), at n sampled positions
    and of the style y_j, (C), at m. How often a feature occurs in the style does not matter: small details come out
    sharp, but the style's proportions may be lost.

    Args: those of `SampledLoss`.

    Source: Zhang et al. 2022 (ARF: Artistic Radiance Fields), equation 1. Kolkin et al. 2022 (Neural Neighbor Style
    Transfer).

    Differs: positions are sampled.
    """

    def distance(self, image: Tensor, style: Tensor) -> Tensor:
        """Return the distance from samples of the image, (n, C + 1), and of the style, (m, C)."""
        x, weights = image[:, :-1], image[:, -1]
        return weighted_mean(cosine_distance(x, style).amin(1), weights)
