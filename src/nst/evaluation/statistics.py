"""What the figures of many pairs say of methods: means with intervals, who wins, and at equal content."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from nst.evaluation.measuring import IDENTITY, TARGET, Measured
from nst.metrics.panel import described

LEVEL = 0.95
EXACT = 12
"""Pairs up to which every change of signs is tried; above, 10 000 drawn ones."""
Pair = tuple[str, str]
"""Stems of content and style."""


@dataclass(frozen=True)
class Summary:
    """A figure of a method over pairs.

    Attributes:
        mean: Over pairs.
        spread: Standard deviation over pairs.
        worst: The largest value; of a figure of which more is better the smallest.
        low: Lower end of the bootstrap interval (95 %) of the mean.
        high: Upper end.
        pairs: How many.
    """

    mean: float
    spread: float
    worst: float
    low: float
    high: float
    pairs: int


def summary(values: Sequence[float], *, sign: int, resamples: int) -> Summary:
    """Return what is said of a figure's values over pairs; the interval is the percentile bootstrap's over pairs.

    Args:
        values: One for each pair.
        sign: 1 where less is better, -1 where more is.
        resamples: Of the bootstrap.

    Source: Efron & Tibshirani 1993, chapter 13.
    """
    data = np.asarray(values, float)
    low, high = interval(data, resamples)
    return Summary(data.mean(), data.std(), sign * (sign * data).max(), low, high, len(data))


def interval(data: np.ndarray, resamples: int) -> tuple[float, float]:
    """Return the percentile bootstrap's 95 % interval of a mean."""
    if len(data) < 2 or np.ptp(data) == 0:
        return float(data.mean()), float(data.mean())
    found = stats.bootstrap(
        (data,),
        np.mean,
        n_resamples=resamples,
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


@dataclass(frozen=True)
class Comparison:
    """A method against another, over the pairs that both have.

    Attributes:
        difference: Mean of first minus second: below 0 the first is better.
        low: Lower end of its bootstrap interval.
        high: Upper end.
        p: Of the paired permutation test (signs changed at random), both sides.
        pairs: How many.
        left: Pairs that could not be compared.
    """

    difference: float
    low: float
    high: float
    p: float
    pairs: int
    left: int = 0


def compare(differences: Sequence[float], *, resamples: int, left: int = 0) -> Comparison | None:
    """Return what paired differences say; None without any.

    Source: Fisher 1935 (the exact test by changing signs); Ernst 2004, section 3.
    """
    data = np.asarray(differences, float)
    if not len(data):
        return None
    low, high = interval(data, resamples)
    if len(data) == 1 or not data.any():
        return Comparison(float(data.mean()), low, high, 1.0, len(data), left)
    tried = np.inf if len(data) <= EXACT else 9999
    test = stats.permutation_test(
        (data, np.zeros_like(data)), lambda a, b, axis: np.mean(a - b, axis=axis), permutation_type="samples",
        n_resamples=tried, vectorized=True, rng=np.random.default_rng(0),
    )  # fmt: skip
    return Comparison(float(data.mean()), low, high, float(test.pvalue), len(data), left)


Curve = Sequence[tuple[float, float]]
"""(content distance, style distance) of each setting of a method for one pair."""


def at_equal_content(first: Curve, second: Curve) -> float | None:
    """Return the difference of two curves' style distances at equal content distance, or None where they don't meet.

    Style is interpolated linearly between the settings, and the difference is averaged over the content distances that
    both curves reach. A method of one setting is a curve of one point: it is compared with the other curve there.
    """
    x, y = (np.array(sorted(curve), float).T for curve in (first, second))
    low, high = max(x[0][0], y[0][0]), min(x[0][-1], y[0][-1])
    if low > high:
        return None
    levels = np.linspace(low, high, 101)
    return float((np.interp(levels, *x) - np.interp(levels, *y)).mean())


def front(points: Mapping[str, tuple[float, float]]) -> set[str]:
    """Return the names of the points (content, style) that no other point beats in both."""
    return {
        name
        for name, (content, style) in points.items()
        if not any(
            c <= content and s <= style and (c, s) != (content, style) for c, s in points.values()
        )
    }  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A setting of a method in the table.

    Attributes:
        method: Its name.
        setting: What it varies.
        figures: Name -> summary.
        seconds: Mean, where known.
        memory: Largest, bytes, where known.
        missing: Pairs without a figure.
        network: That it optimised, where known.
    """

    method: str
    setting: str
    figures: Mapping[str, Summary]
    seconds: float | None
    memory: float | None
    missing: int
    network: str | None

    @property
    def label(self) -> str:
        """Method and setting."""
        return f"{self.method} {self.setting}".strip()

    @property
    def is_reference(self) -> bool:
        """Whether it is the photograph or the painting."""
        return self.method in (IDENTITY, TARGET)


def rows(measured: Sequence[Measured], *, resamples: int) -> list[Row]:
    """Return one row for each setting of each method, in the order in which they come."""
    groups: dict[tuple[str, str], list[Measured]] = {}
    for one in measured:
        groups.setdefault((one.entry.method, one.entry.setting), []).append(one)
    return [_row(method, setting, members, resamples) for (method, setting), members in groups.items()]


def _row(method: str, setting: str, members: Sequence[Measured], resamples: int) -> Row:
    good = [one for one in members if one.figures]
    names = dict.fromkeys(name for one in good for name in one.figures)
    figures = {
        name: summary(
            [one.figures[name] for one in good if name in one.figures], sign=described(name).sign, resamples=resamples
        )
        for name in names
    }
    seconds = [one.entry.seconds for one in good if one.entry.seconds is not None]
    memory = [one.entry.memory for one in good if one.entry.memory is not None]
    return Row(
        method,
        setting,
        figures,
        float(np.mean(seconds)) if seconds else None,
        max(memory) if memory else None,
        len(members) - len(good),
        next((one.entry.network for one in members if one.entry.network), None),
    )


def won_by_references(table: Sequence[Row]) -> dict[str, str]:
    """Return figure -> the reference, photograph or painting, that no method beats in it."""
    out = {}
    for name in dict.fromkeys(name for row in table for name in row.figures):
        sign = described(name).sign
        means = {row.label: sign * row.figures[name].mean for row in table if name in row.figures}
        others = [mean for label, mean in means.items() if label not in (IDENTITY, TARGET)]
        best = [label for label in (IDENTITY, TARGET) if label in means and others and means[label] <= min(others)]
        if best:
            out[name] = " and ".join(best)
    return out


def equal_content(
    measured: Sequence[Measured], *, content: str, style: str, resamples: int
) -> dict[tuple[str, str], Comparison]:
    """Return (method, other) -> their style distances at equal content distance, for every two methods.

    Args:
        measured: All pictures.
        content: The figure that is made equal.
        style: The figure that is compared.
        resamples: Of the bootstrap.
    """
    curves: dict[str, dict[Pair, list[tuple[float, float]]]] = {}
    for one in measured:
        if {content, style} <= set(one.figures) and one.entry.method not in (IDENTITY, TARGET):
            pair = (one.entry.content.stem, one.entry.style.stem)
            point = (one.figures[content], one.figures[style])
            curves.setdefault(one.entry.method, {}).setdefault(pair, []).append(point)
    return _each_two(curves, at_equal_content, resamples)


def paired(measured: Sequence[Measured], *, figure: str, resamples: int) -> dict[tuple[str, str], Comparison]:
    """Return (method, other) -> the difference of a figure, of every two methods with one setting; less is better."""
    values: dict[str, dict[Pair, float]] = {}
    settings: dict[str, set[str]] = {}
    for one in measured:
        if figure in one.figures:
            pair = (one.entry.content.stem, one.entry.style.stem)
            values.setdefault(one.entry.method, {})[pair] = described(figure).sign * one.figures[figure]
            settings.setdefault(one.entry.method, set()).add(one.entry.setting)
    single = {m: of for m, of in values.items() if len(settings[m]) == 1 and m not in (IDENTITY, TARGET)}
    return _each_two(single, lambda a, b: a - b, resamples)


def _each_two(
    of: Mapping[str, Mapping[Pair, Any]], difference: Callable[[Any, Any], float | None], resamples: int
) -> dict[tuple[str, str], Comparison]:
    out = {}
    for number, first in enumerate(of):
        for second in list(of)[number + 1 :]:
            shared = [pair for pair in of[first] if pair in of[second]]
            found = [difference(of[first][pair], of[second][pair]) for pair in shared]
            known = [value for value in found if value is not None]
            if comparison := compare(known, resamples=resamples, left=len(found) - len(known)):
                out[first, second] = comparison
    return out
