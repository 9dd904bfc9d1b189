"""A small objective."""

import pytest

from nst.losses import Content, Gram
from nst.objective import Objective


@pytest.fixture
def objective(wavelet) -> Objective:
    return Objective(
        backbone=wavelet,
        terms={
            "content": Content(layers={"s1": 1.0}, weight=0.3, reduction="relative", layer_reduction="mean"),
            "style": Gram(
                layers={"s0": 1.0, "s1": 1.0}, weight=1.0, normalize="hw", reduction="relative", layer_reduction="mean"
            ),
        },
    )
