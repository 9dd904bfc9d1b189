from functools import partial

import pytest
import torch
from omegaconf import OmegaConf
from torch.optim import lr_scheduler

from nst.config import instantiate
from nst.config.trusted import trusted
from nst.optim import lr_schedulers
from nst.utils import typecheck


def rates(schedule, steps: int = 10, **options) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    scheduler = lr_schedulers.configure(partial(schedule, **options), optimizer, steps=steps)["scheduler"]
    out = []
    for _ in range(steps):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return out


def test_constant():
    assert rates(lr_schedulers.constant) == [2.0] * 10


def test_cosine_falls_to_its_fraction():
    got = rates(lr_schedulers.cosine, steps=100, final=0.1)
    assert got[0] == 2.0
    assert got[50] == pytest.approx(1.1)
    assert got[-1] == pytest.approx(0.2, rel=0.01)


def test_step_is_the_course_s():
    got = rates(lr_schedulers.step, steps=200, milestones=[180], factor=1 / 20)
    assert got[179] == 2.0
    assert got[180] == pytest.approx(0.1)


def test_exponential_falls_by_one_factor():
    got = rates(lr_schedulers.exponential, steps=10, final=0.01)
    assert got[1] / got[0] == pytest.approx(0.01**0.1)


def test_plateau_lowers_the_rate_where_the_loss_stays():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    plateau = partial(lr_schedulers.plateau, factor=0.5, patience=1, interval=20)
    made = lr_schedulers.configure(plateau, optimizer, steps=9)
    assert (made["interval"], made["frequency"], made["monitor"]) == ("step", 20, "loss")
    got = []
    for loss in (3.0, 2.0, 2.0, 2.0, 1.0):
        made["scheduler"].step(loss)
        got.append(optimizer.param_groups[0]["lr"])
    assert got == [2.0, 2.0, 2.0, 1.0, 1.0]


def test_a_scheduler_of_torch_needs_nothing_of_ours():
    assert rates(lr_scheduler.StepLR, steps=4, step_size=2, gamma=0.5) == [2.0, 2.0, 1.0, 1.0]


def test_one_yaml_makes_a_scheduler_of_torch_an_option():
    node = {"_target_": "torch.optim.lr_scheduler.CosineAnnealingWarmRestarts", "T_0": 3}
    typecheck.check(node, "scheduler")
    assert trusted(node["_target_"])
    got = rates(instantiate.partial(OmegaConf.create(node)), steps=7)
    assert got[0] == got[3] == got[6] == 2.0 and got[2] < got[1] < 2.0


@pytest.mark.parametrize("final", [0, -1, 2])
def test_a_fraction_outside_zero_to_one_is_refused(final):
    with pytest.raises(ValueError, match="give a fraction of the learning rate"):
        rates(lr_schedulers.cosine, final=final)
