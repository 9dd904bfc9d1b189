import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

from nst.networks import Adain, Transformer, UNet, io


@pytest.fixture
def saved(tmp_path):
    network = Transformer(width=2, blocks=1, styles=2)
    path = tmp_path / "network.ckpt"
    io.save(path, network.state_dict(), io.describe(network, "multistyle", ["a", "b"], {"steps": 3}))
    return path


def test_a_saved_network_is_loaded_completely(saved, noise):
    trained = io.load(saved)
    assert (trained.method, trained.styles, trained.config) == ("multistyle", ["a", "b"], {"steps": 3})
    assert trained.network(noise(16, 16), torch.tensor([[0.5, 0.5]])).shape == (1, 3, 16, 16)
    assert not any(parameter.requires_grad for parameter in trained.network.parameters())


def test_a_safetensors_file_holds_the_same_network(tmp_path, noise):
    network = Adain(width=2, channels=4, blocks=1)
    keeps = {"means": torch.rand(1, 4), "deviations": torch.rand(1, 4)}
    about = {**io.describe(network, "adain", ["a"], {"steps": 3}), "keeps": keeps}
    for name in ("network.ckpt", "network.safetensors"):
        io.save(tmp_path / name, network.state_dict(), about)
    one, other = (io.load(tmp_path / name) for name in ("network.ckpt", "network.safetensors"))
    assert (other.method, other.styles, other.config) == ("adain", ["a"], {"steps": 3})
    assert torch.equal(one.known_style("a"), other.known_style("a"))
    values = other.network.state_dict()
    assert all(torch.equal(value, values[name]) for name, value in one.network.state_dict().items())


def test_a_network_stored_in_16_bits_computes_in_32(tmp_path, noise):
    network = UNet(widths=[2, 2, 4, 4], blocks=1, styles=1)
    path = tmp_path / "network.safetensors"
    half = {name: value.half() for name, value in network.state_dict().items()}
    io.save(path, half, io.describe(network, "feedforward", ["a"], {}))
    assert path.stat().st_size < 2 * sum(value.numel() for value in half.values()) + 8000
    picture = io.load(path).network(noise(16, 24), torch.ones(1, 1))
    assert picture.shape == (1, 3, 16, 24) and picture.dtype == torch.float32


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:8] + b"[" + b[9:]])
def test_a_damaged_safetensors_file_gives_one_clear_line(tmp_path, damage):
    network = Transformer(width=2, blocks=1, styles=1)
    path = tmp_path / "network.safetensors"
    io.save(path, network.state_dict(), io.describe(network, "feedforward", ["a"], {}))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="can't be read as tensors") as caught:
        io.load(path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_foreign_safetensors_file_is_refused(tmp_path):
    path = tmp_path / "network.safetensors"
    save_file({"weight": torch.ones(3)}, path)
    with pytest.raises(ValueError, match="not a checkpoint of a network trained by nst"):
        io.load(path)


class Evil:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_loading_runs_no_code(tmp_path):
    mark = tmp_path / "executed"
    path = tmp_path / "evil.ckpt"
    torch.save({"nst": Evil(mark), "state_dict": {}}, path)
    with pytest.raises(ValueError, match=r"can't be read as a checkpoint"):
        io.load(path)
    path.write_bytes(pickle.dumps(Evil(mark)))
    with pytest.raises(ValueError, match=r"can't be read as a checkpoint"):
        io.load(path)
    assert not mark.exists()


def change(path, **about):
    data = torch.load(path, weights_only=True)
    data["nst"].update(about)
    torch.save(data, path)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"format": 99}, "reads format 1"),
        ({"kind": "os.system"}, "reads format 1 and kind transformer or unet or adain or any_style"),
        ({"options": {"width": 10**6, "blocks": 1}}, "don't fit together"),
        ({"options": {"width": "x"}}, "don't fit together"),
        ({"styles": ["only one"]}, "don't fit together"),
        ({"config": 3}, "don't fit together"),
    ],
)
def test_a_forged_checkpoint_gives_one_clear_line(saved, about, words):
    change(saved, **about)
    with pytest.raises(ValueError, match=words) as caught:
        io.load(saved)
    assert len(str(caught.value).splitlines()) == 1


def test_foreign_damaged_and_missing_checkpoints_give_one_clear_line(saved, tmp_path):
    whole = saved.read_bytes()
    saved.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="can't be read as a checkpoint"):
        io.load(saved)
    torch.save({"weight": torch.ones(3)}, saved)
    with pytest.raises(ValueError, match="not a checkpoint of a network trained by nst"):
        io.load(saved)
    with pytest.raises(FileNotFoundError, match="give the network.safetensors or network.ckpt of a run"):
        io.load(tmp_path / "none.ckpt")


def test_parameters_that_are_not_finite_are_refused(saved):
    data = torch.load(saved, weights_only=True)
    next(iter(data["state_dict"].values())).fill_(float("nan"))
    torch.save(data, saved)
    with pytest.raises(ValueError, match="not finite numbers"):
        io.load(saved)


def test_adain_without_the_statistics_of_its_styles_is_refused(tmp_path):
    network = Adain(width=2, channels=4, blocks=1)
    path = tmp_path / "network.ckpt"
    io.save(path, network.state_dict(), io.describe(network, "adain", ["a"], {}))
    with pytest.raises(ValueError, match="don't fit together"):
        io.load(path)
