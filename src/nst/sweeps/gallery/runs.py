"""Read what runs left in their folders: choices, figures, what became of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nst.experiment import status
from nst.metrics import FIGURES
from nst.sweeps import manifest
from nst.utils.files import read_json

Value = float | str | None


@dataclass
class Run:
    """A run as a gallery shows it.

    Attributes:
        folder: Its own.
        name: Its folder, seen from the gallery's.
        state: As in `status.json`; `not started` where there is none.
        reason: Why it did not finish, one line.
        choices: What was typed for it, key -> value.
        figures: Name -> number, None for one that can't be had.
        command: What makes it again.
        sources: (what it is, file) of the content and the styles.
        notes: Warnings, and why a figure is missing.
        file: The result, where it is not in the run's folder under the name of nst's own.
    """

    folder: Path
    name: str
    state: str
    reason: str | None
    choices: dict[str, str]
    figures: dict[str, Value] = field(default_factory=dict)
    command: str = ""
    sources: list[tuple[str, Path]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    file: Path | None = None

    @property
    def picture(self) -> Path | None:
        """The result, or what there is of it."""
        if self.file is not None:
            return self.file
        names = ("final.png", "partial.png") if self.state != "running" else ("final.png",)
        return next((self.folder / name for name in names if (self.folder / name).is_file()), None)

    @property
    def film(self) -> Path | None:
        """The time-lapse that every browser plays as a picture."""
        names = ("timelapse.webp", "timelapse.gif")
        return next((self.folder / name for name in names if (self.folder / name).is_file()), None)


def collect(folder: Path) -> list[Run]:
    """Read every run below a folder, or the run that it is itself, in the order of their names, numbers as numbers.

    Raises:
        FileNotFoundError: There is no such folder, or no run in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; give the folder of a run or a sweep")
    found = sorted({file.parent for file in folder.rglob(status.NAME)} | set(manifest.jobs(folder)), key=manifest.order)
    if not found:
        raise FileNotFoundError(f"no run in {folder}: no {status.NAME} anywhere below it")
    return [_read(run, folder) for run in found]


def axes(runs: Iterable[Run], folder: Path) -> list[str]:
    """Name the choices in which runs differ: the swept ones first, as they were typed."""
    runs = list(runs)
    names = dict.fromkeys(key for run in runs for key in run.choices)
    differ = [key for key in names if len({run.choices.get(key) for run in runs}) > 1]
    first = [key for key in manifest.read(folder).get("swept", []) if key in names]
    return list(dict.fromkeys([*first, *differ]))


def _read(folder: Path, base: Path) -> Run:
    fields = status.read(folder)
    run = Run(
        folder=folder,
        name=folder.relative_to(base).as_posix() if folder != base else folder.name,
        state=fields.get("state", "not started"),
        reason=fields.get("reason"),
        choices=_choices(fields.get("overrides") or []),
        command=str(fields.get("command") or ""),
    )
    metrics = read_json(folder / "metrics.json")
    judged = metrics.get("judge") or {}
    run.figures = {name: _number(judged.get(name)) for name in FIGURES}
    run.figures |= {"loss": _number(metrics.get("loss")), "seconds": _number(metrics.get("seconds"))}
    peak = _number(metrics.get("peak_memory_bytes"))
    run.figures["peak_mb"] = None if peak is None else round(peak / 1e6)
    run.notes = [str(line) for line in metrics.get("warnings") or []]
    run.notes += [str(judged["note"])] if judged.get("note") else []
    sources = metrics.get("sources") or {}
    named = [("content", sources.get("content")), *(("style", style) for style in sources.get("styles") or [])]
    run.sources = [(kind, Path(str(source["path"]))) for kind, source in named if source and source.get("path")]
    return run


def _choices(words: Iterable[str]) -> dict[str, str]:
    out = {}
    for word in words:
        key, _, value = str(word).partition("=")
        out[key.lstrip("+~")] = value.strip("'")
    return out


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
