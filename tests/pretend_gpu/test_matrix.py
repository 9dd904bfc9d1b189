"""Loss and gradient are the processor's, for every backbone and loss: whole, in tiles, masked, in bfloat16.

The processor takes torch's own operators here; that nst's kernels agree with them is tested in tests/kernels.
"""

import itertools
from functools import cache

import pytest
import torch
import torchvision_backbones  # noqa: F401  it keeps random networks
from conftest import ROOT
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from nst import kernels
from nst.backbones import Backbone
from nst.config import instantiate
from nst.config.compose import plain
from nst.methods.parametrization import parametrization
from nst.objective import Objective, Target
from pretend_gpu.device import KIND

BACKBONES = sorted(path.stem for path in (ROOT / "conf/backbone").glob("*.yaml"))
LOSSES = sorted(path.stem for path in (ROOT / "conf/loss").glob("*.yaml"))
WAYS = ("whole", "tiles", "masks", *(["bf16"] if KIND == "cuda" else []))
FAST = {("squeezenet_embedded", "relative", way) for way in WAYS}
FAST |= {("wavelet", "wasserstein", "masks"), ("wavelet", "sliced", WAYS[-1])}
SIZES = {"inception": (152, 160), "resnet50": (96, 104)}  # where the deepest layer has room for a patch of 3 x 3


_build = instantiate.build
_built: dict[tuple[str, ...], Backbone] = {}


def build_once(node, **more):
    """Build what a node names, or return the backbone with the same layers that was built before."""
    if "layers" not in more or "_target_" not in node or not node._target_.startswith("nst.backbones"):
        return _build(node, **more)
    key = (node.get("model", ""), str(node.get("checkpoint", "")), *more["layers"])
    if key not in _built:
        _built[key] = _build(node, **more)
    return _built[key]


@pytest.fixture(autouse=True)
def cached_backbones(monkeypatch):
    monkeypatch.setattr(instantiate, "build", build_once)


def objective_of(backbone: str, loss: str, tiles: str | int) -> Objective:
    random = [] if backbone in ("wavelet", "squeezenet_embedded", "small_vgg19") else ["backbone.checkpoint=random"]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        words = [f"loss={loss}", f"backbone={backbone}", f"tiles={tiles}", "weights.tv=0.001", "name=test", *random]
        return instantiate.objective(OmegaConf.create(plain(compose("train", words))))


@cache
def pictures(size: tuple[int, int]) -> list[torch.Tensor]:
    """Four smooth pictures: content, two styles, the picture as it is."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(4, 3, size[0] // 4, size[1] // 4, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size, mode="bilinear")
    return [one[None].contiguous() for one in smooth]


def loss_and_gradient(objective: Objective, size: tuple[int, int], way: str, device: str) -> tuple[float, torch.Tensor]:
    content, one, other, start = pictures(size)
    mask = torch.zeros(1, 1, *size)
    mask[..., 9 : size[0] // 2, 5 : size[1] // 2 + 7] = 1
    masks = (mask.to(device), (1 - mask).to(device)) if way == "masks" else (None, None)
    styles = [Target(one.to(device), 1.0, masks[0], "one"), Target(other.to(device), 2.0, masks[1], "other")]
    objective = objective.for_edge(min(size)).to(device)
    with kernels.use("off"):
        references = objective.references(content.to(device), styles)
    objective.set_sampling_step(3)
    space = parametrization("laplacian", size, objective.backbone.input)
    parameter = space.encode(start).to(device).requires_grad_()
    with kernels.use("off"), torch.autocast(device, torch.bfloat16, enabled=way == "bf16"):
        loss = objective.total(objective(space.decode(parameter), references))
    loss.backward()
    return loss.item(), parameter.grad.cpu()


@pytest.mark.parametrize(
    ("backbone", "loss", "way"),
    [
        pytest.param(*case, marks=() if case in FAST else pytest.mark.slow)
        for case in itertools.product(BACKBONES, LOSSES, WAYS)
    ],
)
def test_the_gpu_gives_what_the_processor_gives(backbone, loss, way) -> None:
    size = SIZES.get(backbone, (64, 72))
    try:
        objective = objective_of(backbone, loss, 32 if way == "tiles" else "none")
    except ValueError as error:
        assert way == "tiles" and "is not a sum over positions" in str(error)
        return
    loss_there, there = loss_and_gradient(objective, size, way, "cpu")
    loss_here, here = loss_and_gradient(objective, size, way, KIND)
    if (
        way == "bf16"
    ):  # the processor rounds once after fused operators, a GPU after each: both may be as far from float32
        exact_loss, exact = loss_and_gradient(objective, size, "whole", "cpu")
        assert abs(loss_here - exact_loss) < 2 * abs(loss_there - exact_loss) + 0.03 * exact_loss
        assert (here - exact).norm() < 1.5 * (there - exact).norm() + 0.1 * exact.norm()
        return
    few = loss == "wasserstein" and way == "masks"  # few positions: roots enlarge the rounding of sums
    assert loss_here == pytest.approx(loss_there, rel=5e-4 if few else 1e-5)
    if loss == "wasserstein" and way == "tiles":  # roots of small eigenvalues enlarge the rounding of sums over tiles
        whole = loss_and_gradient(objective_of(backbone, loss, "none"), size, "whole", "cpu")[1]
        assert (here - whole).norm() < 2 * (there - whole).norm() + 1e-4 * whole.norm()
        return
    assert (here - there).norm() < 1e-4 * there.norm()
