"""What is said of many pairs, against other ways to compute it."""

import itertools

import numpy as np
import pytest

from nst.evaluation import statistics
from nst.evaluation.measuring import IDENTITY, TARGET, Measured
from nst.evaluation.painting import Entry
from nst.evaluation.statistics import at_equal_content, compare, front, interval, summary


def test_the_worst_of_a_figure_is_the_largest_or_where_more_is_better_the_smallest():
    values = [0.2, 0.5, 0.9]
    assert summary(values, sign=1, resamples=100).worst == 0.9
    found = summary(values, sign=-1, resamples=100)
    assert found.worst == 0.2
    assert (found.mean, found.spread, found.pairs) == (pytest.approx(1.6 / 3), pytest.approx(np.std(values)), 3)


def test_the_bootstrap_interval_is_that_of_means_of_drawn_pairs():
    values = np.random.default_rng(1).normal(size=40)
    rng = np.random.default_rng(2)
    means = [rng.choice(values, 40).mean() for _ in range(4000)]
    expected = np.quantile(means, [0.025, 0.975])
    assert interval(values, 4000) == pytest.approx(expected, abs=0.03)  # two drawings
    assert interval(np.full(5, 2.0), 100) == (2.0, 2.0)


def test_the_paired_test_of_few_pairs_tries_every_change_of_signs():
    differences = [0.3, -0.1, 0.4, 0.25, 0.2, -0.05]
    means = [np.mean(np.multiply(signs, differences)) for signs in itertools.product((1, -1), repeat=6)]
    expected = np.mean(np.abs(means) >= abs(np.mean(differences)) - 1e-12)
    found = compare(differences, resamples=200)
    assert found.p == pytest.approx(expected)
    assert found.difference == pytest.approx(np.mean(differences))
    assert compare([], resamples=200) is None
    assert compare([0.0, 0.0], resamples=200).p == 1


def test_curves_are_compared_at_equal_content():
    """A curve that lies 0.1 under another is better by 0.1, though each of its points has more style distance."""
    line = lambda x: 1 - x  # noqa: E731
    upper = [(x, line(x)) for x in (0.4, 0.6, 0.8)]
    lower = [(x, line(x) - 0.1) for x in (0.1, 0.3, 0.5)]
    assert min(style for _, style in lower) == pytest.approx(0.4)
    assert max(style for _, style in upper) == pytest.approx(0.6)
    assert at_equal_content(lower, upper) == pytest.approx(-0.1)
    assert at_equal_content(upper, lower) == pytest.approx(0.1)
    assert at_equal_content([(0.5, 0.7)], upper) == pytest.approx(0.2)  # one point against a curve
    assert at_equal_content([(0.2, 0.7)], upper) is None


def test_the_front_is_what_no_point_beats():
    points = {"a": (0.1, 0.9), "b": (0.5, 0.5), "c": (0.6, 0.6), "d": (0.9, 0.1), "e": (0.5, 0.7)}
    assert front(points) == {"a", "b", "d"}


def one(tmp_path, method, pair, setting="", **figures):
    picture = tmp_path / "x.png"
    return Measured(
        Entry(method, setting, tmp_path / f"c{pair}.png", tmp_path / "s.png", picture, seconds=2.0), figures
    )


def test_rows_methods_and_who_wins(tmp_path):
    measured = [
        *(one(tmp_path, IDENTITY, i, lpips=0.0, ssim=1.0, color=20.0) for i in range(2)),
        *(one(tmp_path, TARGET, i, lpips=0.7, ssim=0.1, color=0.0) for i in range(2)),
        *(one(tmp_path, "paint", i, lpips=0.3 + i / 10, ssim=0.5, color=-1.0) for i in range(2)),
        Measured(Entry("paint", "", tmp_path / "c2.png", tmp_path / "s.png", None), reason="failed"),
    ]
    table = statistics.rows(measured, resamples=100)
    assert [row.label for row in table] == [IDENTITY, TARGET, "paint"]
    assert table[2].figures["lpips"].mean == pytest.approx(0.35)
    assert (table[2].missing, table[2].seconds) == (1, 2.0)
    assert statistics.won_by_references(table) == {"lpips": IDENTITY, "ssim": IDENTITY}


def test_methods_are_compared_over_the_pairs_that_both_have(tmp_path):
    curve = lambda method, pair, shift: [  # noqa: E731
        one(tmp_path, method, pair, f"w={x}", **{"n.content": x, "n.moments": 1 - x + shift}) for x in (0.2, 0.4, 0.6)
    ]
    measured = [*curve("a", 0, 0.0), *curve("a", 1, 0.0), *curve("b", 0, 0.05), *curve("b", 1, 0.15), *curve("b", 2, 9)]
    found = statistics.equal_content(measured, content="n.content", style="n.moments", resamples=200)
    assert list(found) == [("a", "b")]
    assert found["a", "b"].difference == pytest.approx(-0.1)
    assert found["a", "b"].pairs == 2
    assert statistics.paired(measured, figure="n.moments", resamples=200) == {}  # several settings: no single point
