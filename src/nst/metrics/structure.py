"""How much of the photograph's structure a picture keeps, whatever its colours: SSIM on grey, and self-similarity."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from nst.data import image_io
from nst.data.color import grey

TEMPERATURE = 0.1
"""Of the softmax over cosine similarities."""
POSITIONS = 48
"""Along the longer edge of a layer, at most: memory and time grow with the fourth power."""


def ssim_of_grey(picture: Tensor, content: Tensor) -> float:
    """Return the structural similarity of the lumas of two images, at most 1.

    `SSIM = mean_p (2 mu_x mu_y + c1) (2 s_xy + c2) / ((mu_x^2 + mu_y^2 + c1) (s_x^2 + s_y^2 + c2))` with the means mu,
    variances s^2 and covariance s_xy of the lumas x and y in a Gaussian window of sigma 1.5 pixels (11 x 11) round each
    position p whose window lies inside, c1 = 0.01^2 and c2 = 0.03^2.

    Args:
        picture: [0, 1] RGB, (1, 3, H, W), 11 pixels or more along both edges.
        content: Of the same size.

    Source: Wang, Bovik, Sheikh & Simoncelli 2004, equation 13.
    """
    x, y = (grey(image)[:, :1] for image in (picture, content))
    _, similarity = structural_similarity_index_measure(x, y, data_range=1.0, return_full_image=True)
    return float(similarity[..., 5:-5, 5:-5].mean())  # whose window lies inside: torchmetrics pads


def self_similarity_distance(picture: Tensor, content: Tensor) -> float:
    """Return how differently the positions of two pictures resemble one another (CFSD), 0 or more, in nats.

    `CFSD = 1/n sum_i KL(S_i(content) || S_i(picture))` with `S_i = softmax_j(cos(f_i, f_j) / t)`: the features f of n
    positions, and the temperature t = 0.1.

    Args:
        picture: Features of a layer, (1, C, h, w).
        content: Likewise, of the same shape.

    Source: Chung, Hyun & Heo 2024 (StyleID), section 4.1 (content feature structural distance).

    Differs: cosines with a temperature instead of products of features over C^2, whose softmax depends on the scale of
    a network's activations. The layer is the one that the judge compares contents in, where theirs is VGG-19's relu3_1,
    and is averaged down to 48 positions along its longer edge.
    """
    size = image_io.fit(image_io.size_of(content), POSITIONS, by="longest", upscale=False)
    maps = [image_io.area(features, size) for features in (picture, content)]
    log_q, log_p = (F.log_softmax(_cosines(features) / TEMPERATURE, dim=1) for features in maps)
    return float(F.kl_div(log_q, log_p, reduction="batchmean", log_target=True))


def _cosines(features: Tensor) -> Tensor:
    """(n, n)."""
    rows = F.normalize(features[0].flatten(1).T.double(), dim=1)  # (n, C)
    return torch.as_tensor(rows @ rows.T)
