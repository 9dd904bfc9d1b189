"""SSIM on grey and self-similarity, against scikit-image and NumPy."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from nst.metrics.structure import TEMPERATURE, self_similarity_distance, ssim_of_grey


def test_ssim_of_grey_is_scikit_images(noise):
    x, y = noise(40, 48, seed=1), noise(40, 48, seed=2)
    y = 0.7 * x + 0.3 * y
    luma = [np.tensordot((0.299, 0.587, 0.114), image[0].double().numpy(), 1) for image in (x, y)]
    expected = structural_similarity(
        *luma, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim_of_grey(x, y) == pytest.approx(expected, abs=1e-5)
    assert ssim_of_grey(x, x) == pytest.approx(1, abs=1e-6)


def test_ssim_of_grey_does_not_see_a_palette_of_the_same_luma(noise):
    photo = noise(32, 32) * 0.4 + 0.3
    swapped = photo + torch.tensor([0.114, 0.0, -0.299]).view(1, 3, 1, 1) * 0.5
    assert ssim_of_grey(swapped, photo) == pytest.approx(1, abs=1e-5)


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def test_self_similarity_distance_is_the_divergence_of_rows_of_cosines():
    rng = np.random.default_rng(0)
    picture, content = rng.normal(size=(2, 5, 3, 4))
    rows = []
    for maps in (picture, content):
        f = maps.reshape(5, -1).T
        f = f / np.linalg.norm(f, axis=1, keepdims=True)
        rows.append(softmax(f @ f.T / TEMPERATURE))
    q, p = rows
    expected = np.mean(np.sum(p * np.log(p / q), axis=1))
    found = self_similarity_distance(*(torch.from_numpy(maps)[None] for maps in (picture, content)))
    assert found == pytest.approx(expected, rel=1e-9)


def test_self_similarity_distance_ignores_what_all_positions_share():
    """Its reason: a turn of the feature space, as a new palette is, changes no similarity of positions."""
    features = torch.randn(1, 6, 5, 5, generator=torch.Generator().manual_seed(0))
    turn = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(1))).Q
    turned = 3 * torch.einsum("cd,ndhw->nchw", turn, features)
    assert self_similarity_distance(turned, features) == pytest.approx(0, abs=1e-9)
    assert self_similarity_distance(features.flip(-1), features) > 0.05
