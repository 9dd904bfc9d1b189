"""What an evaluation writes: tables, a page, a sheet, a gallery of all pictures, a page for blind votes."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from nst.evaluation import films, statistics
from nst.evaluation.measuring import IDENTITY, TARGET, Measured
from nst.evaluation.statistics import Comparison, Row
from nst.evaluation.study import Study
from nst.experiment.status import json_bytes
from nst.metrics.panel import described
from nst.sweeps.gallery import page as gallery
from nst.sweeps.gallery.csv_table import cell
from nst.sweeps.gallery.runs import Run
from nst.utils.files import write

PLOT = (560, 360)
"""Width and height of a front's plot, pixels."""


def make(
    folder: Path,
    study: Study,
    measured: Sequence[Measured],
    fid: Mapping[str, Mapping[str, float]],
    opinions: Mapping[str, Mapping[str, float]],
) -> Path:
    """Write `evaluation.csv`, `.json`, `.html`, `pictures.csv` and the gallery of all pictures; return the page.

    Args:
        folder: Of the evaluation.
        study: What was asked for.
        measured: All pictures, those of identity and target among them.
        fid: Label of a row -> `fid` and `artfid`, where they could be had.
        opinions: Title -> figure -> how far it agrees with votes or ratings.
    """
    table = statistics.rows(measured, resamples=study.resamples)
    won = statistics.won_by_references(table)
    compared = comparisons(measured, study)
    fields = {
        "rows": [asdict(row) | {"label": row.label, **fid.get(row.label, {})} for row in table],
        "won_by_references": won,
        "comparisons": {
            title: [{"first": a, "second": b, **asdict(found)} for (a, b), found in pairs.items()]
            for title, pairs in compared.items()
        },
        "opinions": opinions,
        "study": study.model_dump(mode="json"),
    }
    write(folder / "evaluation.json", json_bytes(fields))
    write(folder / "evaluation.csv", summary_csv(table, fid).encode())
    write(folder / "pictures.csv", pictures_csv(measured).encode())
    order = {row.label: place for place, row in enumerate(table)}
    by_pair = sorted(measured, key=lambda one: (one.entry.content.stem, one.entry.style.stem, order[one.entry.label]))
    runs = [_run(one, folder) for one in by_pair]  # a line of the sheet is a pair
    gallery.write_pages(folder, runs, ["content", "style", "method"], titles=_titles(table))
    page = folder / "evaluation.html"
    write(page, _html(folder.resolve().name, study, table, won, compared, fid, opinions).encode())
    return page


def comparisons(measured: Sequence[Measured], study: Study) -> dict[str, dict[tuple[str, str], Comparison]]:
    """Return title -> (method, other) -> comparison: style at equal content in each network, and plain figures."""
    out = {}
    for name in study.judges:
        content, style = f"{name}.content", f"{name}.moments"
        found = statistics.equal_content(measured, content=content, style=style, resamples=study.resamples)
        out[f"{style} at equal {content}"] = found
    for figure in ("preference", *(f"{name}.moments" for name in study.judges)):
        if found := statistics.paired(measured, figure=figure, resamples=study.resamples):
            out[f"{figure}, pair by pair, of methods with one setting"] = found
    return out


def summary_csv(table: Sequence[Row], fid: Mapping[str, Mapping[str, float]]) -> str:
    """Return a line for each setting of a method: mean, spread, worst, interval of every figure."""
    names = list(dict.fromkeys(name for row in table for name in row.figures))
    parts = ("mean", "spread", "worst", "low", "high")
    more = list(dict.fromkeys(name for values in fid.values() for name in values))
    out = io.StringIO()
    writer = csv.writer(out)
    head = ["method", "setting", "network", "pairs", "missing", "seconds", "memory_mb", *more]
    writer.writerow([*head, *(f"{name} {part}" for name in names for part in parts)])
    for row in table:
        pairs = max((one.pairs for one in row.figures.values()), default=0)
        memory = None if row.memory is None else round(row.memory / 1e6)
        known = [row.method, row.setting, row.network or "", pairs, row.missing, row.seconds, memory]
        values = [getattr(row.figures.get(name), part, None) for name in names for part in parts]
        more_values = [fid.get(row.label, {}).get(name) for name in more]
        writer.writerow(
            [cell(v) if isinstance(v, str) else "" if v is None else v for v in (*known, *more_values, *values)]
        )
    return out.getvalue()


def pictures_csv(measured: Sequence[Measured]) -> str:
    """Return a line for each picture with its figures, or why it has none."""
    names = list(dict.fromkeys(name for one in measured for name in one.figures))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["method", "setting", "content", "style", "picture", "seconds", *names, "reason"])
    for one in measured:
        entry = one.entry
        words = [entry.method, entry.setting, entry.content.stem, entry.style.stem, str(entry.picture or "")]
        numbers = [entry.seconds, *(one.figures.get(name) for name in names)]
        writer.writerow([*map(cell, words), *("" if v is None else v for v in numbers), cell(one.reason)])
    return out.getvalue()


def _titles(table: Sequence[Row]) -> dict[str, str]:
    return {name: name.replace(".", " ") for row in table for name in row.figures}


def _run(one: Measured, folder: Path) -> Run:
    """A picture as the gallery shows it."""
    entry = one.entry
    choices = {"content": entry.content.stem, "style": entry.style.stem, "method": entry.label}
    content, style = (films.shown(path, folder / films.FOLDER) for path in (entry.content, entry.style))
    memory = {} if entry.memory is None else {"peak_mb": round(entry.memory / 1e6)}
    return Run(
        folder=folder if entry.picture is None else entry.picture.parent,
        name=f"{entry.label} {entry.content.stem} {entry.style.stem}",
        state="finished" if one.figures else "failed",
        reason=one.reason or None,
        choices=choices,
        figures={**one.figures, "seconds": entry.seconds, **memory},
        sources=[("content", content), ("style", style)],
        file=entry.picture and films.shown(entry.picture, folder / films.FOLDER),
    )


def _html(
    title: str,
    study: Study,
    table: Sequence[Row],
    won: Mapping[str, str],
    compared: Mapping[str, Mapping[tuple[str, str], Comparison]],
    fid: Mapping[str, Mapping[str, float]],
    opinions: Mapping[str, Mapping[str, float]],
) -> str:
    names = list(dict.fromkeys(name for row in table for name in row.figures))
    best = {name: _best(table, name) for name in names}
    lines = [
        {
            "label": row.label,
            "reference": row.is_reference,
            "network": row.network or "",
            "cells": [_cell(row, name, best[name]) for name in names],
            "fid": [_shown(fid.get(row.label, {}).get(name)) for name in ("fid", "artfid")] if fid else [],
            "seconds": "" if row.seconds is None else f"{row.seconds:.1f}",
            "memory": "" if row.memory is None else f"{row.memory / 1e6:.0f}",
            "missing": row.missing or "",
        }
        for row in table
    ]
    fronts = [_front(table, judge) for judge in study.judges]
    environment = Environment(
        loader=PackageLoader("nst", "assets/evaluation"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("evaluation.html").render(
        title=title, names=names, lines=lines, won=won, fronts=fronts, plot=PLOT, fid=bool(fid),
        compared={k: [(a, b, one) for (a, b), one in pairs.items()] for k, pairs in compared.items()},
        judges={name: " ".join(words) for name, words in study.judges.items()},
        opinions=opinions,
        lowest={name: described(name).sign > 0 for name in names},
    )  # fmt: skip


def _best(table: Sequence[Row], name: str) -> float | None:
    sign = described(name).sign
    means = [sign * row.figures[name].mean for row in table if name in row.figures and not row.is_reference]
    return sign * min(means) if means else None


def _cell(row: Row, name: str, best: float | None) -> dict[str, Any]:
    found = row.figures.get(name)
    if found is None:
        return {"text": "", "title": "", "value": "", "best": False, "own": False}
    digits = described(name).digits
    return {
        "text": f"{found.mean:.{digits}f}",
        "title": f"{found.mean:.4g} [{found.low:.4g}, {found.high:.4g}], spread {found.spread:.3g}, "
        f"worst {found.worst:.4g}, {found.pairs} pairs",
        "value": found.mean,
        "best": found.mean == best and not row.is_reference,
        "own": row.network is not None and name.startswith(f"{row.network}."),
    }


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _front(table: Sequence[Row], judge: str) -> dict[str, Any]:
    """Points of a plot: style distance against content distance in one network."""
    x, y = f"{judge}.content", f"{judge}.moments"
    points = {row.label: (row.figures[x].mean, row.figures[y].mean) for row in table if {x, y} <= set(row.figures)}
    methods = {row.label: row.method for row in table}
    painted = {label: point for label, point in points.items() if methods[label] not in (IDENTITY, TARGET)}
    leading = statistics.front(painted)
    right = max((c for c, _ in painted.values()), default=1.0) * 1.1
    top = max((s for _, s in painted.values()), default=1.0) * 1.1
    order = list(dict.fromkeys(methods[label] for label in painted))
    shown = [
        {
            "label": label,
            "x": 50 + (PLOT[0] - 190) * content / right,
            "y": PLOT[1] - 40 - (PLOT[1] - 60) * style / top,
            "hue": 360 * order.index(methods[label]) // max(len(order), 1),
            "leads": label in leading,
        }
        for label, (content, style) in painted.items()
    ]
    return {"x": x, "y": y, "points": shown, "right": f"{right:.2f}", "top": f"{top:.2f}"}
