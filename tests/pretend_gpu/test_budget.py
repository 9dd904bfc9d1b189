"""How many kernels a step starts, and how often the host waits for the GPU: numbers that may not grow."""

import math

import pytest

from nst.callbacks import progress
from nst.methods import image_module
from pretend_gpu.counting import CountSteps
from pretend_gpu.device import KIND

pytestmark = pytest.mark.skipif(KIND != "cuda", reason="counts of CUDA")
KERNELS, WAITS = 225, 1  # 26 of them pad the maps of 13 convolutions, and add up the gradients of their edges
COUNT = "+callbacks.count._target_=pretend_gpu.counting.CountSteps"


def test_a_step_of_vgg19_with_the_default_losses_and_adam(program, monkeypatch):
    for module in (image_module, progress):  # between two looks at the GPU; how many there are is a matter of time
        monkeypatch.setattr(module, "PAUSE", math.inf)
    program(
        "trainer=gpu",
        "backbone=vgg19",
        "backbone.checkpoint=random",
        "size=64",
        "steps=7",
        "judge=none",
        "checkpoint=none",
        COUNT,
    )
    print([(step.kernels, sum(step.waits.values())) for step in CountSteps.steps])
    for step in CountSteps.steps[2:]:  # the first two make what is made once
        assert step.kernels <= KERNELS, step.operators.most_common(40)
        assert sum(step.waits.values()) <= WAITS, step.waits
