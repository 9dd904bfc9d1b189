"""The pretend GPU refuses what a GPU refuses, and counts what it is asked."""

import pytest
import torch

from pretend_gpu.device import KIND, counted

pytestmark = pytest.mark.skipif(KIND != "cuda", reason="counts and refusals of CUDA")


@pytest.fixture
def x():
    return torch.rand(4, 4).cuda()


def test_it_says_where_it_is(x):
    assert x.is_cuda and str(x.device) == "cuda:0" and x.cpu().device.type == "cpu"


@pytest.mark.parametrize(
    "mixed",
    [
        lambda x, y: x + y,
        lambda x, y: x @ y,
        lambda x, y: torch.cat([x, y]),
        lambda x, y: x.lerp_(y, 0.5),
        lambda x, y: torch.where(x > 0, x, y),
        lambda x, y: torch.stack([x.sum(), y.sum()]),
        lambda x, y: torch._foreach_add_([x.sum()], [y.sum()]),
        lambda x, y: torch.nn.functional.conv2d(x[None, None], y[None, None]),
        lambda x, y: x.numpy(),
        lambda x, y: x.data_ptr(),
        lambda x, y: torch.rand(3, device="cuda", generator=torch.Generator()),
    ],
)
def test_it_refuses_the_processor(x, mixed):
    with pytest.raises((RuntimeError, TypeError), match=r"device|numpy|address"):
        mixed(x, torch.rand(4, 4))


def test_it_takes_numbers_and_indices_of_the_processor(x):
    y = x.cpu()
    assert torch.equal((x * torch.tensor(2.0)).cpu(), 2 * y)
    assert torch.equal(x[torch.tensor([1, 2])].cpu(), y[[1, 2]])


def test_gradients_are_those_of_the_processor(x):
    grads = []
    for at in (x.clone(), x.cpu()):
        at.requires_grad_()
        (at.exp() @ at).sum().backward()
        grads.append(at.grad.cpu())
    assert torch.equal(*grads)


def test_autocast_is_a_gpus(x):
    with torch.autocast("cuda", torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16
        assert x.bfloat16().exp().dtype == torch.float32  # which a processor's autocast leaves in 16 bits


def test_kernels_and_waits_are_counted(x):
    with counted() as counts:
        y = (x * 2).T[:2]
        y.sum().item()
        x.to("cpu")
        torch.ones(3).cuda()
    assert counts.kernels == 4  # mul, sum, and two copies
    assert sum(counts.waits.values()) == 3
