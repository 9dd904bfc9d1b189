"""On Apple's GPU, a pretend one: every operator has a kernel in torch's tables, and nothing asks for float64."""

import pytest
from test_pretend_gpu import passes, pytestmark  # noqa: F401  it says where there can be a pretend GPU


@pytest.mark.slow  # the operators of a run are looked up in these tables by the tests of CUDA's pretend GPU, too
@pytest.mark.parametrize("marked", ["not slow", "slow"])
def test_apples_gpu_does_what_the_processor_does(marked: str) -> None:
    passes("mps", marked)
