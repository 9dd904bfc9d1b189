"""FID and ArtFID, over many pictures at once, where the network that they need is given by path."""

from collections.abc import Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance

from nst.utils.files import load_weights_only

EDGE = 299  # pixels, Inception's input


class Inception(nn.Module):
    """Inception v3 up to its last pooling: (N, 3, H, W), RGB in [0, 1], to (N, 2048).

    Args:
        checkpoint: A file with the parameters of torchvision's `inception_v3`, as torchvision or ArtFID publish it.
            What it says of the classifiers is not used.

    Raises:
        ValueError: The file is no such checkpoint.
    """

    num_features = 2048

    def __init__(self, checkpoint: Path) -> None:
        super().__init__()
        self.network = torchvision.models.inception_v3(weights=None, aux_logits=False, init_weights=False)
        self.network.fc = nn.Identity()
        found = load_weights_only(checkpoint)
        found = found.get("state_dict", found) if isinstance(found, dict) else {}
        own = self.network.state_dict()
        if missing := [key for key in own if key not in found and not key.endswith("num_batches_tracked")]:
            raise ValueError(
                f"{checkpoint} is no Inception v3 of torchvision: it lacks {missing[0]}; give its checkpoint"
            )
        self.network.load_state_dict({key: found.get(key, value) for key, value in own.items()})
        self.requires_grad_(False).eval()

    def forward(self, images: Tensor) -> Tensor:
        """Return the features."""
        small = F.interpolate(images.float(), (EDGE, EDGE), mode="bilinear", antialias=True, align_corners=False)
        return torch.as_tensor(self.network(2 * small - 1))


@torch.no_grad()
def fid(network: nn.Module, pictures: Iterable[Tensor], styles: Iterable[Tensor]) -> float:
    """Return the Frechet distance of the pictures' features from the paintings', 0 or more.

    `||mu - nu||^2 + tr(S + T - 2 (S T)^(1/2))` with the means mu, nu and covariances S, T of the features. With fewer
    pictures than features (2048) the covariances are singular and the value is biased upwards: compare only methods
    with the same pairs.

    Args:
        network: (N, 3, H, W) in [0, 1] to (N, D), with the attribute `num_features`, D.
        pictures: Two or more, (1, 3, H, W) each.
        styles: Two or more.

    Source: Heusel et al. 2017, equation 6.
    """
    metric = FrechetInceptionDistance(feature=network, normalize=False)  # images in [0, 1] as they are
    for images, real in ((styles, True), (pictures, False)):
        for image in images:
            metric.update(image, real=real)
    return float(metric.compute())


def artfid(fid_of_styles: float, lpips: float) -> float:
    """Return `(1 + LPIPS) (1 + FID)`, 1 or more: content by the mean LPIPS to the photographs, style by FID.

    Source: Wright & Ommer 2022 (ArtFID), equation 3.
    """
    return (1 + lpips) * (1 + fid_of_styles)
