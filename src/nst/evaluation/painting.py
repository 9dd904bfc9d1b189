"""Pictures and films of a method for every pair: painted where missing, or found where another program left them."""

import csv
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nst.config.words import words
from nst.data import film_writing, formats, video
from nst.evaluation.study import Method, Study
from nst.experiment import status
from nst.inference import options, outputs, stylize
from nst.sweeps.gallery.runs import Run, collect
from nst.utils.errors import one_line
from nst.utils.files import read_json, user_path, write

UNWANTED = ("judge=none", "timelapse=none", "logger=none")
"""What a picture that is measured here need not have, where the study does not ask for it."""
PATIENCE = 5.0
"""Seconds that a sweep has after Ctrl-C to end by itself."""
DEFAULT_BACKBONE = "small_vgg19"
Rows = list[tuple[Path, Path, Path | None, dict[str, str]]]
"""Content, style, picture, and what a table says besides."""


@dataclass(frozen=True)
class Entry:
    """A picture of a method.

    Attributes:
        method: Its name.
        setting: What it varies, `weights.style=0.3`; empty for a method with one setting.
        content: The photograph, or the film.
        style: The painting.
        picture: The file, a film where the content is one; None where there is none.
        reason: Why not, one line.
        seconds: That it took, where known.
        memory: Peak, bytes, where known.
        network: Name of the backbone that was optimised, where known.
    """

    method: str
    setting: str
    content: Path
    style: Path
    picture: Path | None
    reason: str = ""
    seconds: float | None = None
    memory: float | None = None
    network: str | None = None

    @property
    def label(self) -> str:
        """Method and setting."""
        return f"{self.method} {self.setting}".strip()


def command(method: Method, study: Study, folder: Path) -> list[str]:
    """Return the words of the sweep that paints a method's pictures, each pair a job."""
    pairs = dict(zip(("content.path", "style.path"), study.sets(), strict=True))
    own = [*study.common, *(method.overrides or [])]
    given = {_key(word) for word in own}
    own = [*(word for word in UNWANTED if _key(word) not in given), *own]
    return [*words(pairs, own, sweeps=True), *words({"hydra.sweep.dir": folder})]


def sweep(name: str, method: Method, study: Study, folder: Path) -> list[Entry]:
    """Paint what is missing of a method that nst paints, and return its pictures.

    The sweep's own folder says what is finished, so that one which was killed goes on where it was.
    """
    command_line = [sys.executable, "-m", "nst.evaluation.lifeline", *command(method, study, folder)]
    with subprocess.Popen(command_line, stdin=subprocess.PIPE) as process:
        try:
            process.wait()
        except (
            KeyboardInterrupt
        ):  # Ctrl-C is for both; where it was for this process alone, the pipe's end stops the sweep
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            raise
    try:
        runs = collect(folder)
    except FileNotFoundError:
        raise ValueError(f"method {name}: no picture was painted; the line above says why") from None
    keys = [key for key in map(_key, method.overrides or []) if len({run.choices.get(key) for run in runs}) > 1]
    return [_entry(name, run, keys) for run in runs]


def _key(word: str) -> str:
    return word.partition("=")[0].lstrip("+~")


def _entry(name: str, run: Run, keys: Sequence[str]) -> Entry:
    metrics = read_json(run.folder / "metrics.json")
    content = Path(run.choices["content.path"])
    painted = run.folder / f"film{film_writing.output_suffix(content)}" if video.is_video(content) else run.picture
    final = painted if run.state == "finished" else None
    return Entry(
        method=name,
        setting=",".join(f"{key}={run.choices[key]}" for key in keys if key in run.choices),
        content=content,
        style=Path(run.choices["style.path"]),
        picture=final,
        reason="" if final else f"{run.state}: {run.reason or 'no word'}",
        seconds=metrics.get("seconds"),
        memory=metrics.get("peak_memory_bytes"),
        network=(status.read(run.folder).get("choices") or {}).get("backbone", DEFAULT_BACKBONE),
    )


def stylized(name: str, method: Method, study: Study, folder: Path) -> list[Entry]:
    """Paint what is missing of a method that is a trained network, and return its pictures.

    A file beside each picture says how long it took, so that one who comes again has the same table.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for content, style in study.chosen():
        target = folder / f"{content.stem}_{style.stem}{outputs.suffix_for(content)}"
        reason = ""
        if not target.is_file():
            place = {"style": style.stem, "style_path": str(style), "content": content.stem}
            typed = [f"checkpoint={method.checkpoint}", *method.options]
            began = time.perf_counter()
            try:
                asked = options.parse(
                    [*(word.format(**place) for word in typed), f"content={content}", f"output={target}"]
                )
                stylize.paint(asked)
            except (OSError, ValueError) as error:
                reason = one_line(error)
            else:
                write(target.with_suffix(".json"), status.json_bytes({"seconds": time.perf_counter() - began}))
        found = target if target.is_file() else None
        seconds = read_json(target.with_suffix(".json")).get("seconds")
        entries.append(Entry(name, "", content, style, found, reason, seconds, network=method.network))
    return entries


def given(name: str, method: Method, study: Study) -> list[Entry]:
    """Return the pictures that another program left.

    Raises:
        FileNotFoundError: There is no such folder or table.
        ValueError: None of the study's pairs has a picture, or the table lacks a column.
    """
    assert method.pictures is not None
    place = user_path(method.pictures)
    if place.is_dir():
        rows: Rows = [(content, style, _named(place, content, style), {}) for content, style in study.chosen()]
    elif place.is_file():
        rows = _table(place, study)
    else:
        raise FileNotFoundError(f"method {name}: there is no {place}; give a folder of pictures or a CSV table")
    if not any(picture for _, _, picture, _ in rows):
        raise ValueError(
            f"method {name}: {place} has no picture of any pair; pictures are called <content>_<style>.png, films .mp4"
        )
    return [
        Entry(
            method=name,
            setting=row.get("setting") or "",
            content=content,
            style=style,
            picture=picture,
            reason="" if picture else "no picture of this pair",
            seconds=float(row["seconds"]) if row.get("seconds") else None,
            network=method.network,
        )
        for content, style, picture, row in rows
    ]


def _named(folder: Path, content: Path, style: Path) -> Path | None:
    endings = video.EXTENSIONS if video.is_video(content) else formats.endings()
    found = (folder / f"{content.stem}_{style.stem}{ending}" for ending in sorted(endings))
    return next((path for path in found if path.is_file()), None)


def _table(file: Path, study: Study) -> Rows:
    with file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if lacking := {"content", "style", "picture"} - set(rows[0] if rows else ()):
        raise ValueError(f"{file} lacks the column {min(lacking)}; give content, style and picture")
    pairs = {(content.stem, style.stem): (content, style) for content, style in study.chosen()}
    out: Rows = []
    for row in rows:
        if pair := pairs.get((Path(row["content"]).stem, Path(row["style"]).stem)):
            picture = file.parent / row["picture"]
            out.append((*pair, picture if picture.is_file() else None, row))
    told = {(content, style) for content, style, _, _ in out}
    return out + [(*pair, None, {}) for pair in pairs.values() if pair not in told]


def pictures(name: str, method: Method, study: Study, folder: Path) -> list[Entry]:
    """Return a method's pictures of every pair, painted in `folder` where they are missing."""
    if method.overrides is not None:
        return sweep(name, method, study, folder)
    return stylized(name, method, study, folder) if method.checkpoint else given(name, method, study)
