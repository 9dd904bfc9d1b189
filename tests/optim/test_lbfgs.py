import itertools

import torch
from torch import nn

from nst.optim.lbfgs import add_to_last_step


def test_lbfgs_takes_the_clamped_iterates_for_its_own():
    torch.manual_seed(0)
    x = nn.Parameter(torch.rand(1, 3, 4, 4))
    aim, scale = torch.rand_like(x) * 3 - 1, torch.linspace(1, 20, x.numel()).view_as(x)
    optimizer = torch.optim.LBFGS([x], max_iter=1, max_eval=10, line_search_fn="strong_wolfe")
    places = []

    def closure():
        optimizer.zero_grad()
        loss = (scale * (x - aim).square()).sum()
        loss.backward()
        return loss

    for _ in range(6):
        places.append(x.detach().clone())
        optimizer.step(closure)
        before = x.detach().clone()
        x.data.clamp_(0, 1)
        assert not torch.equal(x.data, before)
        add_to_last_step(optimizer, x, x.detach() - before)
    places.append(x.detach().clone())

    steps = optimizer.state[x]["old_stps"]  # the newest pair is made when the next step begins
    assert len(steps) == 5
    for step, (one, other) in zip(steps, itertools.pairwise(places)):
        assert torch.allclose(step, (other - one).flatten(), atol=1e-6)
