"""Which of two repaintings a viewer prefers: a fixed combination of four figures, fitted to blind votes."""

from collections.abc import Mapping

NETWORK = "small_vgg19"
WEIGHTS = {f"{NETWORK}.moments": -18.6, "ssim": 6.5, "rim": -9.9, "leak": -4.6}
"""Figure -> weight, as `evaluation.votes.fit` gives it for 145 blind votes over nine pairs by automatic viewers.

Fitted without a pair they predict 86 % of its votes (the best judge: 97 %); without a method 73 % of the votes on it.
"""


def preference(figures: Mapping[str, float]) -> float | None:
    """Return the log odds of a picture being preferred to one of which this is 0; None where a figure is missing.

    `sum_k w_k f_k` with the figures f of `panel.Panel` at 384 pixels and the weights w of a logistic regression. The
    difference of two pictures' values is the log odds of the votes.

    Args:
        figures: Name -> value.

    Source: Bradley & Terry 1952 (preferences as log odds). The choice of figures and the weights are ours;
    docs/evaluation.md says how they were found and what they are worth.
    """
    if not set(WEIGHTS) <= set(figures):
        return None
    return sum(weight * figures[name] for name, weight in WEIGHTS.items())
