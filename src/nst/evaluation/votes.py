"""What votes and ratings say of figures: which of them agree with the eye, and which do not."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import optimize, stats

from nst.evaluation.measuring import Measured
from nst.metrics.panel import described

RIDGE = 1.0
"""Weight of the squared coefficients of figures that are scaled to a spread of 1."""
Figures = Mapping[tuple[str, str], Mapping[str, float]]
"""(pair, label of a method) -> figure -> value."""


@dataclass(frozen=True)
class Vote:
    """Which of two pictures of a pair a viewer preferred.

    Attributes:
        pair: `<content>_<style>`.
        better: Label of the method of the preferred picture.
        worse: Of the other.
    """

    pair: str
    better: str
    worse: str


def read(file: Path) -> list[Vote]:
    """Return the votes of a CSV table with the columns `pair`, `left`, `right`, `best`, as `vote.html` saves it.

    Raises:
        ValueError: A column is missing, or a vote is for neither of the two.
    """
    with file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if lacking := {"pair", "left", "right", "best"} - set(rows[0] if rows else ()):
        raise ValueError(f"{file} lacks the column {min(lacking)}; give pair, left, right, best")
    if odd := next((row for row in rows if row["best"] not in (row["left"], row["right"])), None):
        raise ValueError(f"{file}: best is {odd['best']!r}; give one of {odd['left']} and {odd['right']}")
    return [Vote(row["pair"], row["best"], row["right" if row["best"] == row["left"] else "left"]) for row in rows]


def table(measured: Sequence[Measured]) -> dict[tuple[str, str], dict[str, float]]:
    """Return the figures of every picture by its pair and its method's label."""
    return {
        (f"{one.entry.content.stem}_{one.entry.style.stem}", one.entry.label): dict(one.figures)
        for one in measured
        if one.figures
    }


def known(votes: Sequence[Vote], figures: Figures) -> list[Vote]:
    """Return the votes of which both pictures have figures."""
    return [vote for vote in votes if {(vote.pair, vote.better), (vote.pair, vote.worse)} <= set(figures)]


def agreement(votes: Sequence[Vote], figures: Figures) -> dict[str, float]:
    """Return figure -> share of the votes that went to the picture which is better by it; a tie is half a vote."""
    out = {}
    for name in next(iter(figures.values()), {}):
        gains = described(name).sign * _differences(votes, figures, [name])[:, 0]
        out[name] = float(np.mean((gains < 0) + (gains == 0) / 2))
    return out


def ceiling(votes: Sequence[Vote]) -> float:
    """Return the share of the votes that the best judge can predict: viewers differ on the same two pictures."""
    counts: dict[tuple[str, frozenset[str]], dict[str, int]] = {}
    for vote in votes:
        of = counts.setdefault((vote.pair, frozenset((vote.better, vote.worse))), {})
        of[vote.better] = of.get(vote.better, 0) + 1
    return sum(max(of.values()) for of in counts.values()) / len(votes)


def by_method_alone(votes: Sequence[Vote]) -> float:
    """Return the share that one predicts who looks at no picture but knows which method usually wins."""
    return ceiling([Vote("", vote.better, vote.worse) for vote in votes])


def fit(votes: Sequence[Vote], figures: Figures, names: Sequence[str]) -> dict[str, float]:
    """Return figure -> weight of the logistic regression that tells the better picture by differences of figures.

    The log odds are `sum_k w_k (f_k(better) - f_k(worse))`; the weights minimise the votes' negative log likelihood
    plus `|s w|^2 / 2` with the spreads s of the differences.

    Args:
        votes: Of pictures that have figures.
        figures: As from `table`.
        names: The figures that are combined.

    Source: Bradley & Terry 1952, with features.
    """
    differences = _differences(votes, figures, names)
    scale = np.sqrt(np.mean(differences**2, 0)) + 1e-12
    x = differences / scale

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        odds = x @ w
        value = np.logaddexp(0, -odds).sum() + RIDGE * (w @ w) / 2
        return value, RIDGE * w - x.T @ (1 / (1 + np.exp(odds)))

    found = optimize.minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B").x / scale
    return dict(zip(names, map(float, found), strict=True))


def left_out(votes: Sequence[Vote], figures: Figures, names: Sequence[str], *, by: str = "pair") -> float:
    """Return the share of votes that the combination predicts when it is fitted without what it is tried on.

    Args:
        votes: Of pictures that have figures.
        figures: As from `table`.
        names: The figures that are combined.
        by: What is left out in turn: a `pair`, or a `method` (every vote on one of its pictures).
    """
    groups = sorted({v.pair for v in votes} if by == "pair" else {m for v in votes for m in (v.better, v.worse)})
    right = tried = 0
    for group in groups:
        inside = [vote for vote in votes if group in ((vote.pair,) if by == "pair" else (vote.better, vote.worse))]
        rest = [vote for vote in votes if vote not in inside]
        if not rest:
            continue
        weights = np.array(list(fit(rest, figures, names).values()))
        right += int((_differences(inside, figures, names) @ weights > 0).sum())
        tried += len(inside)
    return right / tried


def _differences(votes: Sequence[Vote], figures: Figures, names: Sequence[str]) -> np.ndarray:
    """Better less worse, (votes, figures)."""
    rows = [
        [figures[vote.pair, vote.better][name] - figures[vote.pair, vote.worse][name] for name in names]
        for vote in votes
    ]
    return np.array(rows)


def rank_correlations(file: Path, measured: Sequence[Measured]) -> dict[str, float]:
    """Return figure -> Spearman's rank correlation with people's ratings, mean over pairs; 1 where they agree wholly.

    Args:
        file: A CSV table with the columns `content`, `style`, `method`, `rating`; more is better. AST-IQAD's ratings in
            this form give its protocol: methods are ranked within each pair of content and style.
        measured: The pictures.

    Raises:
        ValueError: A column is missing, or no pair has two rated methods.

    Source: Chen et al. 2022 (arXiv 2208.00623), whose database AST-IQAD has such ratings by people.
    """
    with file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if lacking := {"content", "style", "method", "rating"} - set(rows[0] if rows else ()):
        raise ValueError(f"{file} lacks the column {min(lacking)}; give content, style, method, rating")
    figures = table(measured)
    rated: dict[str, list[tuple[float, Mapping[str, float]]]] = {}
    for row in rows:
        pair = f"{Path(row['content']).stem}_{Path(row['style']).stem}"
        if found := figures.get((pair, row["method"])):
            rated.setdefault(pair, []).append((float(row["rating"]), found))
    groups = [members for members in rated.values() if len({rating for rating, _ in members}) > 1]
    if not groups:
        raise ValueError(f"{file} rates no two pictures of a pair of this evaluation; check content, style and method")
    out = {}
    for name in groups[0][0][1]:
        values = [([r for r, _ in group], [-described(name).sign * f[name] for _, f in group]) for group in groups]
        ranks = [stats.spearmanr(*both).statistic for both in values if len(set(both[1])) > 1]
        out[name] = float(np.mean(ranks)) if ranks else 0.0
    return out
