"""An evaluation from its file to its pages: paint what is missing, measure what is new, compare."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from nst.data import image_io
from nst.evaluation import ballot, films, report, votes
from nst.evaluation.measuring import Measured, measure, references
from nst.evaluation.painting import Entry, pictures
from nst.evaluation.study import Study
from nst.metrics.preference import WEIGHTS
from nst.utils.files import user_path


def evaluate(study: Study, folder: Path, *, say: Callable[[str], None] = print) -> Path:
    """Run or continue an evaluation and return its page.

    Args:
        study: What is asked for.
        folder: Where pictures, figures and pages go. What is there already is kept: an evaluation that was killed is
            continued by the same call.
        say: Told how far it is.

    Raises:
        ValueError: A method has no picture at all, or a judge can't be used.
        OSError: A picture or checkpoint can't be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries: list[Entry] = references(study)
    for name, method in study.methods.items():
        say(f"method {name}")
        entries += pictures(name, method, study, folder / name)
    measured = []
    for one in measure(entries, study, folder / "figures"):
        measured.append(one)
        if len(measured) % 20 == 0:
            say(f"{len(measured)} of {len(entries)} pictures measured")
    ballot.write_page(folder / "vote.html", measured)
    return report.make(folder, study, measured, frechet(study, measured, folder), opinions(study, measured))


def opinions(study: Study, measured: Sequence[Measured]) -> dict[str, dict[str, float]]:
    """Return what the study's votes and ratings say of figures: title -> figure -> agreement."""
    out = {}
    if study.votes:
        figures = votes.table(measured)
        if cast := votes.known(votes.read(user_path(study.votes)), figures):
            most, names = votes.ceiling(cast), votes.by_method_alone(cast)
            title = f"share of {len(cast)} votes (at most {most:.3f}; by methods' names {names:.3f})"
            out[title] = votes.agreement(cast, figures)
            if set(WEIGHTS) <= set(next(iter(figures.values()))):
                for by in ("pair", "method"):
                    fitted = votes.left_out(cast, figures, list(WEIGHTS), by=by)
                    out[title][f"{' + '.join(WEIGHTS)}, fitted without the {by}"] = fitted
    if study.ratings:
        out["rank correlation with ratings"] = votes.rank_correlations(user_path(study.ratings), measured)
    return out


def frechet(study: Study, measured: Sequence[Measured], folder: Path) -> Mapping[str, Mapping[str, float]]:
    """Return label -> FID to the paintings, and ArtFID; empty where the study names no network for it.

    Of a film the middle frame counts, which lies in the evaluation's folder.
    """
    if study.fid is None:
        return {}
    from nst.metrics import frechet as metric

    network = metric.Inception(user_path(study.fid))
    groups: dict[str, list[Measured]] = {}
    for one in measured:
        if one.figures:
            groups.setdefault(one.entry.label, []).append(one)
    out = {}
    for label, members in groups.items():
        if len(members) < 2:
            continue
        files = [(one.entry.picture, one.entry.style) for one in members if one.entry.picture]
        stills = ([films.shown(path, folder / films.FOLDER) for path in paths] for paths in zip(*files, strict=True))
        painted, paintings = ([image_io.reduced(image_io.load(p).rgb, study.size) for p in paths] for paths in stills)
        value = metric.fid(network, painted, paintings)
        lpips = [one.figures["lpips"] for one in members if "lpips" in one.figures]
        out[label] = {"fid": value} | ({"artfid": metric.artfid(value, float(np.mean(lpips)))} if lpips else {})
    return out
