"""`gallery.csv`: a line for every run."""

import csv
import io
from collections.abc import Sequence

from nst.sweeps.gallery.runs import Run

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet run a cell."""


def table(runs: Sequence[Run]) -> str:
    """Return every run with its state, choices, figures and command."""
    choices = list(dict.fromkeys(key for run in runs for key in run.choices))
    figures = list(dict.fromkeys(name for run in runs for name in run.figures))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["run", "state", "reason", *choices, *figures, "picture", "command"])
    for run in runs:
        picture = f"{run.name}/{run.picture.name}" if run.picture else ""
        words = [run.name, run.state, run.reason or "", *(run.choices.get(key, "") for key in choices)]
        numbers = ["" if run.figures.get(name) is None else run.figures[name] for name in figures]
        writer.writerow([*map(cell, words), *numbers, cell(picture), cell(run.command)])
    return out.getvalue()


def cell(word: str) -> str:
    """A cell's text; one that a spreadsheet would run as a formula gets an apostrophe, unless it is a number."""
    if not word.startswith(FORMULAS):
        return word
    try:
        float(word)
    except ValueError:
        return f"'{word}"
    return word
