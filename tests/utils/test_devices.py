"""What `auto` chooses, and that the fast ways keep the picture."""

import os

import pytest
import torch
from conftest import ROOT
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from nst.backbones import Input, Pretrained
from nst.config import instantiate
from nst.config.compose import plain
from nst.losses import Gram
from nst.objective import Objective, Target
from nst.utils import devices


def test_auto_takes_bfloat16_only_for_networks_on_a_processor_that_has_it(monkeypatch) -> None:
    monkeypatch.setattr(devices, "has_bfloat16", lambda: True)
    monkeypatch.setattr(devices, "fastest", lambda: "cpu")
    assert devices.precision("auto", network=True, accelerator="auto") == "bf16-mixed"
    assert devices.precision("auto", network=True, accelerator="cpu") == "bf16-mixed"
    assert devices.precision("auto", network=False, accelerator="cpu") == "32-true"
    assert devices.precision("auto", network=True, accelerator="gpu") == "32-true"
    monkeypatch.setattr(devices, "fastest", lambda: "cuda")
    assert devices.precision("auto", network=True, accelerator="auto") == "32-true"
    monkeypatch.setattr(devices, "has_bfloat16", lambda: False)
    assert devices.precision("auto", network=True, accelerator="cpu") == "32-true"


def test_auto_and_gpu_are_the_fastest_device(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert [devices.device_type(name) for name in ("auto", "gpu", "cpu", "tpu")] == ["mps", "mps", "cpu", "tpu"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.fastest() == "cuda"


@pytest.mark.parametrize("word", ["32-true", "bf16-mixed", "64-true"])
def test_what_is_asked_for_is_taken(word) -> None:
    assert devices.precision(word, network=False, accelerator="cpu") == word


def pretrained() -> Pretrained:
    return Pretrained(
        layers=["relu1_1", "relu2_1"],
        model="vgg16",
        checkpoint="random",
        pooling="max",
        padding="zeros",
        smoothing="none",
        input=Input(mean=[0.5] * 3, std=[1.0] * 3),
        seed=0,
        download=None,
    )


def test_statistics_in_bfloat16_keep_the_loss(noise) -> None:
    layers = {"relu1_1": 1.0, "relu2_1": 1.0}
    gram = Gram(layers=layers, weight=1.0, normalize="hw", reduction="relative", layer_reduction="mean")
    objective = Objective(backbone=pretrained(), terms={"style": gram})
    references = objective.references(noise(96, 96), [Target(noise(96, 96, seed=1).square())])
    image = noise(96, 96, seed=2)
    full = objective.total(objective(image, references)).item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = objective(image, references)
    assert all(share.dtype == torch.float32 for share in half["style"].values())
    assert objective.total(half).item() == pytest.approx(full, rel=0.01)


LOSSES = sorted(path.stem for path in (ROOT / "conf/loss").glob("*.yaml"))


def shapes(seed: int) -> torch.Tensor:
    """A picture with large shapes: of noise alone deep layers see little but what rounding makes."""
    few = torch.rand(1, 3, 8, 9, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(few, (64, 72), mode="bicubic").clamp(0, 1)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_has_its_value_and_a_gradient_in_bfloat16(loss) -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        words = [f"loss={loss}", "backbone=squeezenet_embedded", "name=test"]
        config = OmegaConf.create(plain(compose("train", words)))
    objective = instantiate.objective(config)
    references = objective.references(shapes(0), [Target(shapes(1).square())])
    image = shapes(2).requires_grad_()
    full = objective.total(objective(image, references)).item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = objective.total(objective(image, references))
    half.backward()
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(full, rel=0.02)
    assert image.grad.isfinite().all() and image.grad.any()


def test_a_device_that_is_not_there_is_one_line(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert devices.named("cpu") == "cpu"
    for word in ("gpu", "cuda", "mps"):
        with pytest.raises(ValueError, match=f"device={word}, but torch finds no such GPU here"):
            devices.named(word)
    with pytest.raises(ValueError, match="device is 'tpu'; give cpu, gpu"):
        devices.named("tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.named("gpu") == devices.named("cuda") == "cuda"


def test_jobs_at_the_same_time_take_one_gpu_each(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    taken = []
    for number in range(4):
        devices.take_own_gpu(number)
        taken.append(os.environ.pop("CUDA_VISIBLE_DEVICES"))
    assert taken == ["0", "1", "2", "0"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    devices.take_own_gpu(1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "7"
    devices.take_own_gpu(4)  # a single one is left as it is
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "7"


def test_the_record_says_in_what_a_gpu_computes(monkeypatch) -> None:
    assert devices.arithmetic("cpu", "bf16-mixed") == {"precision": "bf16-mixed"}
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)
    assert devices.arithmetic("cuda", "32-true")["tf32"] == {"convolutions": True, "matrix products": False}
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    assert devices.arithmetic("cuda", "32-true")["tf32"] == {"convolutions": False, "matrix products": False}
