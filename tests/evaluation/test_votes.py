"""Votes and ratings against figures."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from nst.evaluation import votes
from nst.evaluation.measuring import Measured
from nst.evaluation.painting import Entry
from nst.evaluation.votes import Vote


@pytest.fixture
def world():
    """Pictures of six pairs by four methods; a viewer wants low lpips and, half as much, high ssim."""
    rng = np.random.default_rng(0)
    figures = {
        (f"pair{p}", f"m{m}"): {"lpips": rng.random(), "ssim": rng.random(), "color": rng.random()}
        for p in range(6)
        for m in range(4)
    }
    cast = []
    for p in range(6):
        for a in range(4):
            for b in range(a):
                keys = sorted(
                    (f"m{a}", f"m{b}"),
                    key=lambda m: figures[f"pair{p}", m]["lpips"] - 0.5 * figures[f"pair{p}", m]["ssim"],
                )
                cast.append(Vote(f"pair{p}", *keys))
    return cast, figures


def test_agreement_counts_the_votes_for_the_better_picture(world):
    cast, figures = world
    found = votes.agreement(cast, figures)
    right = [figures[v.pair, v.better]["ssim"] > figures[v.pair, v.worse]["ssim"] for v in cast]
    assert found["ssim"] == pytest.approx(np.mean(right))
    assert found["lpips"] > 0.8
    same = {key: {"lpips": 1.0} for key in figures}
    assert votes.agreement(cast, same) == {"lpips": 0.5}


def test_a_combination_finds_what_the_viewer_wants(world):
    cast, figures = world
    weights = votes.fit(cast, figures, ["lpips", "ssim", "color"])
    assert weights["ssim"] / weights["lpips"] == pytest.approx(-0.5, abs=0.2)
    assert abs(weights["color"]) < 0.2 * abs(weights["lpips"])
    assert votes.left_out(cast, figures, ["lpips", "ssim"]) > 0.9
    assert votes.left_out(cast, figures, ["lpips", "ssim"], by="method") > 0.8
    assert votes.left_out(cast, figures, ["color"]) < 0.7


def test_the_fit_is_where_the_likelihood_is_largest(world):
    cast, figures = world
    names = ["lpips", "ssim"]
    best = votes.fit(cast, figures, names)
    x = np.array([[figures[v.pair, v.better][n] - figures[v.pair, v.worse][n] for n in names] for v in cast])
    scale = np.sqrt((x**2).mean(0))

    def loss(w):
        return np.log1p(np.exp(-x @ w)).sum() + votes.RIDGE / 2 * ((w * scale) ** 2).sum()

    at = np.array([best[n] for n in names])
    for step in np.vstack([np.eye(2), -np.eye(2)]) * 0.05:
        assert loss(at + step) > loss(at)


def test_viewers_that_differ_bound_every_judge():
    cast = [Vote("p", "a", "b")] * 3 + [Vote("p", "b", "a")] + [Vote("q", "b", "a")] * 2
    assert votes.ceiling(cast) == pytest.approx(5 / 6)
    assert votes.by_method_alone(cast) == pytest.approx(1 / 2)


def test_votes_are_read_as_the_page_saves_them(tmp_path):
    file = tmp_path / "votes.csv"
    file.write_text("pair,left,right,viewer,best\np,a,b,me,b\n")
    assert votes.read(file) == [Vote("p", "b", "a")]
    file.write_text("pair,left,right,viewer,best\np,a,b,me,c\n")
    with pytest.raises(ValueError, match="best is 'c'; give one of a and b"):
        votes.read(file)
    file.write_text("pair,left\n")
    with pytest.raises(ValueError, match="lacks the column best; give pair, left, right, best"):
        votes.read(file)


def test_ratings_are_compared_within_each_pair(tmp_path):
    measured, rows = [], ["content,style,method,rating"]
    rng = np.random.default_rng(3)
    expected = []
    for pair in range(3):
        values, ratings = rng.random(5), rng.random(5) + 10 * pair  # a pair that everyone likes says nothing
        for method in range(5):
            entry = Entry(f"m{method}", "", tmp_path / f"c{pair}.png", tmp_path / "s.png", tmp_path / "x.png")
            measured.append(Measured(entry, {"lpips": values[method], "ssim": -values[method]}))
            rows.append(f"c{pair}.jpg,s.jpg,m{method},{ratings[method]}")
        expected.append(spearmanr(-values, ratings).statistic)
    file = tmp_path / "ratings.csv"
    file.write_text("\n".join(rows))
    found = votes.rank_correlations(file, measured)
    assert found == {"lpips": pytest.approx(np.mean(expected)), "ssim": pytest.approx(np.mean(expected))}
    file.write_text("content,style,method,rating\nx,y,z,1\n")
    with pytest.raises(ValueError, match="rates no two pictures of a pair"):
        votes.rank_correlations(file, measured)
