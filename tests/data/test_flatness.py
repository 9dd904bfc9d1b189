"""The noise by which pictures of one colour are measured."""

import pytest
import torch

from nst.data.flatness import with_clouds


def test_clouds_have_as_much_in_every_octave() -> None:
    clouds = with_clouds(torch.full((1, 3, 256, 256), 0.5), 0.2) - 0.5
    assert clouds.std().item() == pytest.approx(0.2, rel=1e-3)
    power = []
    for _ in range(5):
        coarser = torch.nn.functional.avg_pool2d(clouds, 2)
        power.append((clouds.var() - coarser.var()).item())
        clouds = coarser
    assert max(power) < 3 * min(power)
