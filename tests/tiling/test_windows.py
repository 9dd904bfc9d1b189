"""How a length is cut into parts."""

import itertools

import pytest

from nst.tiling.windows import equal_parts


@pytest.mark.parametrize("length", [1, 7, 64, 97, 1000])
@pytest.mark.parametrize("edge", [1, 16, 40, 1024])
@pytest.mark.parametrize("align", [1, 4, 32])
def test_parts_follow_each_other_aligned_and_no_longer_than_asked(length, edge, align) -> None:
    parts = equal_parts(length, edge, align)
    assert parts[0][0] == 0 and parts[-1][1] == length
    assert all(one[1] == other[0] and one[1] % align == 0 for one, other in itertools.pairwise(parts))
    assert all(0 < end - start < max(edge, align) + align for start, end in parts)


def test_parts_are_of_about_the_same_size() -> None:
    assert equal_parts(97, 40, 8) == [(0, 40), (40, 80), (80, 97)]
    assert equal_parts(100, 90, 4) == [(0, 52), (52, 100)]
