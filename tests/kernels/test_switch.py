"""`kernels=off` is plain PyTorch, and paints the same picture."""

import numpy as np
import pytest
import torch
from conftest import IN_C, QUICK, picture

from nst import kernels
from nst.kernels import compiled, onednn
from nst.kernels.switch import enabled


def test_off_takes_nothing_of_ours() -> None:
    with kernels.use("off"):
        assert compiled.library() is None
        assert not onednn.supports(torch.device("cpu"), torch.float32)
    assert enabled()


def test_what_was_chosen_before_comes_back_after_an_error() -> None:
    with pytest.raises(RuntimeError), kernels.use("off"), kernels.use("auto"):
        raise RuntimeError
    assert enabled()


@pytest.mark.parametrize("choice", ["on", False])
def test_another_word_is_refused(choice) -> None:
    with pytest.raises(ValueError, match=r"give auto or off \(in a YAML file in quotes: 'off'\)"), kernels.use(choice):
        pass


@IN_C
def test_wavelet_features_and_gradient_are_torch_s(wavelet, noise) -> None:
    found = []
    for choice in ("auto", "off"):
        image = noise(60, 45).requires_grad_()
        with kernels.use(choice):
            features = wavelet(image)
            loss = sum(
                (features[name] * torch.linspace(-1, 1, features[name].shape[-1])).sum() for name in ("s0", "s1")
            )
            found.append((features, torch.autograd.grad(loss, image)[0]))
    (ours, gradient), (theirs, expected) = found
    for name in wavelet.layers:
        torch.testing.assert_close(ours[name], theirs[name], atol=2e-5, rtol=1e-4)
    assert (gradient - expected).norm() < 1e-3 * expected.norm()  # a response close to 0 may get the other sign


@pytest.mark.parametrize(
    "backbone",
    [
        "wavelet",
        "squeezenet",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("vgg16", "vgg19", "resnet50", "inception")),
    ],
)
def test_both_paint_the_same_picture(backbone, train, tmp_path) -> None:
    checkpoint = {"wavelet": [], "squeezenet": ["backbone.checkpoint=embedded"]}
    checkpoint = checkpoint.get(backbone, ["backbone.checkpoint=random"])
    words = (*QUICK, f"backbone={backbone}", *checkpoint, "size=96", "trainer.precision=32-true", "optimizer=sgd")
    painted = []
    for choice in ("auto", "off"):
        done = train(*words, f"kernels={choice}", f"hydra.run.dir={tmp_path / choice}")
        assert done.returncode == 0, done.stderr
        painted.append(np.asarray(picture(tmp_path / choice / "final.png"), dtype=float))
    assert np.abs(painted[0] - painted[1]).mean() < 0.5  # of 255; Adam would take the sign of what is rounding alone
