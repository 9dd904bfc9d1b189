"""FID and ArtFID, against the formula by SciPy's matrix root."""

import numpy as np
import pytest
import torch
import torchvision
from scipy.linalg import sqrtm
from torch import nn

from nst.metrics.frechet import Inception, artfid, fid


class Moments(nn.Module):
    """Six features: mean and standard deviation of each channel."""

    num_features = 6

    def forward(self, images):
        return torch.cat([images.mean((-2, -1)), images.std((-2, -1))], 1)


def test_fid_is_the_frechet_distance_of_gaussians(noise):
    pictures = [noise(8 + i, 9, seed=i) for i in range(12)]
    styles = [noise(9, 8 + i, seed=50 + i) ** 2 for i in range(10)]
    network = Moments()
    x, y = (torch.cat([network(image) for image in images]).double().numpy() for images in (pictures, styles))
    root = sqrtm(np.cov(x.T) @ np.cov(y.T)).real
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(np.cov(x.T) + np.cov(y.T) - 2 * root)
    assert fid(network, pictures, styles) == pytest.approx(expected, rel=1e-3)  # features are float32
    assert fid(network, styles, styles) == pytest.approx(0, abs=1e-6)


def test_artfid_is_the_product_of_content_and_style():
    assert artfid(3.0, 0.5) == pytest.approx(6.0)
    assert artfid(0.0, 0.0) == 1.0


def test_a_file_that_is_no_inception_is_refused(tmp_path):
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "x.pth")
    with pytest.raises(ValueError, match=r"x.pth is no Inception v3 of torchvision: it lacks Conv2d_1a"):
        Inception(tmp_path / "x.pth")


@pytest.mark.slow
def test_inception_gives_what_torchvisions_does_before_its_classifier(tmp_path, noise):
    torch.manual_seed(0)
    whole = torchvision.models.inception_v3(weights=None, init_weights=False).eval()
    torch.save(whole.state_dict(), tmp_path / "x.pth")
    image = noise(299, 299)
    seen = {}
    whole.avgpool.register_forward_hook(lambda module, given, out: seen.update(out=out))
    with torch.no_grad():
        whole(2 * image - 1)
        found = Inception(tmp_path / "x.pth")(image)
    assert found.shape == (1, 2048)
    torch.testing.assert_close(found, seen["out"].flatten(1), rtol=1e-4, atol=1e-5)
