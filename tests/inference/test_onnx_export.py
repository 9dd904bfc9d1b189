"""ONNX computes what torch computes, at sizes other than the one that was traced."""

import numpy as np
import pytest
import torch

from nst.commands import export_onnx
from nst.networks import Adain, AnyStyle, StyleBlend, Transformer, io

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
runtime = pytest.importorskip("onnxruntime")
EXACT = 1e-4  # float32 sums in another order


def exported(tmp_path, network, method, names):
    keeps = {name: torch.rand(len(names), *shape) for name, shape in network.statistics_shapes().items()}
    path = tmp_path / "network.ckpt"
    io.save(path, network.state_dict(), io.describe(network, method, names, {}) | {"keeps": keeps})
    assert export_onnx.main([f"checkpoint={path}"]) == 0
    return runtime.InferenceSession(str(path.with_suffix(".onnx")))


@pytest.mark.filterwarnings("ignore")  # the exporter's, on itself
def test_a_transformer(tmp_path, noise):
    torch.manual_seed(0)
    network = Transformer(width=4, blocks=1, styles=2)
    session = exported(tmp_path, network, "multistyle", ["a", "b"])
    for size in ((32, 48), (100, 64)):
        photo, mix = noise(*size), torch.tensor([[0.3, 0.7]])
        (out,) = session.run(None, {"image": photo.numpy(), "mix": mix.numpy()})
        with torch.no_grad():
            assert np.abs(out - network(photo, mix).numpy()).max() < EXACT


@pytest.mark.filterwarnings("ignore")
def test_adain(tmp_path, noise):
    torch.manual_seed(0)
    network = Adain(width=4, channels=4, blocks=1)
    session = exported(tmp_path, network, "adain", ["a"])
    photo, style = noise(40, 64), noise(48, 36, seed=1)
    strength = np.float32(0.6)
    (out,) = session.run(None, {"image": photo.numpy(), "style": style.numpy(), "strength": np.array(strength)})
    with torch.no_grad():
        mean, deviation = network.style_statistics(style)
        wanted = network(photo, StyleBlend(mean[None], deviation[None], torch.ones(1, 1, 1, 1), float(strength)))
    assert np.abs(out - wanted.numpy()).max() < EXACT


@pytest.mark.filterwarnings("ignore")
def test_a_network_for_any_style(tmp_path, noise):
    torch.manual_seed(0)
    network = AnyStyle(widths=[2, 2, 4, 4], blocks=1, embedding=3).eval()
    session = exported(tmp_path, network, "any_style", ["a"])
    photo, style = noise(40, 64), noise(48, 32, seed=1)
    (out,) = session.run(None, {"image": photo.numpy(), "style": style.numpy()})
    with torch.no_grad():
        wanted = network(photo, network.embed(style)[..., None, None])
    assert np.abs(out - wanted.numpy()).max() < EXACT
