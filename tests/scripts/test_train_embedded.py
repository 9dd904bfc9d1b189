"""The training script makes a checkpoint that the backbone takes, and the bundled one is valid."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import train_embedded  # noqa: E402
from embedded import student, teacher  # noqa: E402
from embedded.textures import MAKERS  # noqa: E402
from evaluate_embedded import at_equal  # noqa: E402

from nst.backbones import weights  # noqa: E402

PLAIN = torchvision.models.squeezenet1_1(weights=None).features


def test_a_short_training_lowers_the_loss_and_gives_a_checkpoint(tmp_path, capsys, monkeypatch):
    out = tmp_path / "tiny.pt"
    size = ["--pool", "2", "--edge", "48", "--crop", "48", "--batch", "4", "--noise", "0"]  # one batch, at every step
    monkeypatch.setattr(
        sys, "argv", ["x", "--out", str(out), "--steps", "40", "--report", "8", "--rate", "3e-3", *size]
    )
    train_embedded.main()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    missed = [sum(value for name, value in line.items() if name.startswith("miss")) for line in lines]
    assert missed[-1] < missed[0]
    state = weights.read(out)
    assert {name.removeprefix("features.") for name in state} == set(PLAIN.state_dict())
    assert all(value.dtype == torch.float16 for value in state.values())


def test_folding_the_normalisation_changes_nothing():
    torch.manual_seed(0)
    network = student.build().double()
    network(torch.rand(4, 3, 48, 48, dtype=torch.float64))  # moves the running statistics
    network.eval()
    x = torch.rand(1, 3, 64, 48, dtype=torch.float64)
    folded = student.fold(network)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    torch.testing.assert_close(folded(x), network(x), rtol=1e-9, atol=1e-9)  # rounding through 26 layers


def test_first_filters_span_every_pattern():
    rank = torch.linalg.matrix_rank(student.first_filters().flatten(1).double())
    assert rank == 27  # all of 3 colours x 3 x 3 pixels


@pytest.mark.parametrize(("name", "stride"), [("s0", 4), ("s2", 4), ("s3", 8), ("m1", 16)])
def test_targets_are_sampled_at_the_centres_of_the_students_windows(name, stride):
    """A map that holds its own x coordinate, sampled, gives the centres of the student's windows."""
    step = 2 ** (teacher.LEVEL[name[0]] + int(name[1]))
    ramp = torch.arange(0.0, 128, step).expand(1, 1, 128 // step, -1)
    found = teacher._between(teacher._blurred({name: ramp}, name, stride, {}), stride, 128 // stride, 128 // stride)
    centres = stride * (torch.arange(128 // stride) + 1.0) - 1
    torch.testing.assert_close(found[0, 0, 1, 1:-1], centres[1:-1])


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_textures_follow_from_the_seed(maker):
    first, again = (maker(np.random.default_rng(3), 48) for _ in range(2))
    assert first.shape == (48, 48, 3) and np.isfinite(first).all() and first.std() > 0
    np.testing.assert_array_equal(first, again)


def test_equal_content_is_interpolated_in_the_logarithm():
    assert at_equal([0.2, 0.1, 0.4], [0.2, 0.4, 0.1], 0.15) == pytest.approx((0.4 * 0.2) ** 0.5)


def test_the_bundled_checkpoint_is_valid():
    path = weights.EMBEDDED["squeezenet1_1"]
    state = torch.load(path, weights_only=True)
    assert path.stat().st_size < 2e6
    assert {name: value.shape for name, value in state.items()} == {
        f"features.{name}": value.shape for name, value in PLAIN.state_dict().items()
    }
    assert all(value.dtype == torch.float16 and value.isfinite().all() for value in state.values())
    network = torchvision.models.squeezenet1_1(weights=None).features.eval()
    network.load_state_dict({name.removeprefix("features."): value.float() for name, value in state.items()})
    with torch.no_grad():
        features = student.outputs(network, torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0)))
    for maps in features.values():
        assert maps.isfinite().all() and (maps.flatten(2).std(2) > 0).float().mean() > 0.5
