"""Optical flow on films whose true flow is known."""

import numpy as np
import pytest
import torch

pytest.importorskip("av")
pytest.importorskip("cv2")
import cv2
from made_films import moving

from nst.data import flow
from nst.data.film import to_image


def film(kind, count=2, size=(64, 96)):
    frames, flows = moving(kind, count, size)
    return [to_image(frame) for frame in frames], [torch.from_numpy(one)[None] for one in flows]


@pytest.mark.parametrize("kind", ["pan", "zoom", "crosses"])
def test_the_flow_is_the_true_one(kind):
    (before, after), (true,) = film(kind)
    error = (flow.between(after, before) - true).square().sum(1).sqrt()
    assert error.median() < 0.15 and error.mean() < 0.4
    assert (flow.follow(before, true) - after).abs().median() < 0.01


def test_small_images_have_a_flow():
    (before, after), _ = film("pan", size=(20, 24))
    assert flow.between(after, before).shape == (1, 2, 20, 24)


def test_what_was_hidden_is_not_trusted_and_what_stands_still_is():
    images, (true,) = film("crosses")
    there, back = flow.between(images[1], images[0]), flow.between(images[0], images[1])
    trusted = flow.trusted(there, back)[0, 0].bool()
    y, x = torch.meshgrid(torch.arange(64), torch.arange(96), indexing="ij")
    was, now = ((y - 32) ** 2 + (x - at) ** 2 < 16**2 for at in (96 * 0.2, 96 * 0.2 + 3))
    assert trusted[was & ~now].float().mean() < 0.4  # uncovered
    far = (y - 32) ** 2 + (x - 21) ** 2 > 26**2
    assert trusted[far].float().mean() > 0.95
    assert (
        flow.trusted(torch.full((1, 2, 8, 8), 3.0), torch.full((1, 2, 8, 8), -3.0))[0, 0].sum() == 25
    )  # the rest left


def test_pictures_are_carried_by_whole_pixels_exactly(noise):
    picture = noise(16, 20)
    shift = torch.tensor([2.0, -1.0]).view(1, 2, 1, 1).expand(1, 2, 16, 20)
    wanted = picture[..., :15, 2:]  # at (y, x) what was at (y - 1, x + 2)
    for move in (flow.carry, flow.follow):
        assert torch.allclose(move(picture, shift)[..., 1:, :18], wanted, atol=1e-5)


def test_pictures_that_are_carried_often_stay_sharp(noise):
    picture = torch.nn.functional.avg_pool2d(noise(40, 60), 3, 1, 1)
    carried, followed, once = picture, picture, torch.full((1, 2, 40, 60), 0.3)
    for _ in range(10):  # ten times 0.3 is three whole pixels
        carried, followed = flow.carry(carried, once), flow.follow(followed, once)
    errors = [(one[..., 8:-8, 8:-8] - picture[..., 11:-5, 11:-5]).abs().mean() for one in (carried, followed)]
    assert errors[0] < 0.6 * errors[1]  # linear interpolation blurs
    assert carried[..., 8:-8, 8:-8].std() > 0.8 * picture.std()


def test_flows_are_read_from_files_and_fitted(tmp_path):
    values = np.random.default_rng(0).normal(size=(6, 8, 2)).astype(np.float32)
    cv2.writeOpticalFlow(str(tmp_path / "a.flo"), values)
    found = flow.read(tmp_path / "a.flo", (6, 8))
    assert np.array_equal(found[0].permute(1, 2, 0).numpy(), values)
    constant = np.broadcast_to(np.float32([1, 2]), (6, 8, 2))
    cv2.writeOpticalFlow(str(tmp_path / "b.flo"), np.ascontiguousarray(constant))
    assert flow.read(tmp_path / "b.flo", (12, 24))[0, :, 5, 5].tolist() == [3, 4]
    (tmp_path / "c.flo").write_bytes(b"PIEH")
    with pytest.raises(ValueError, match=r"c\.flo is no flow; give a \.flo file"):
        flow.read(tmp_path / "c.flo", (6, 8))
    (tmp_path / "d.flo").write_bytes((tmp_path / "a.flo").read_bytes()[:-8])
    with pytest.raises(ValueError, match="says 8 x 6 pixels but has"):
        flow.read(tmp_path / "d.flo", (6, 8))
