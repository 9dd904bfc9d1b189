"""nst from Python: `paint`, `stylize` and `sweep` do what their commands do, and give the same bytes."""

import html
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, overload

from hydra import compose as compose_config
from hydra import initialize_config_dir, version
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from nst.callbacks.watch import Notebook, Step, Watch, in_notebook, inline
from nst.config import compose, recipes
from nst.config.invocation import Invocation
from nst.config.search_path import OWN
from nst.config.words import Overrides, words
from nst.experiment import image_job, status
from nst.experiment.isolation import isolated, logged
from nst.experiment.result import Result, Stopped
from nst.experiment.run import run
from nst.inference import options as stylize_options
from nst.inference import stylize as inference
from nst.metrics import FIGURES
from nst.sweeps.gallery.runs import Run, axes, collect
from nst.utils.errors import nearest, one_line

__all__ = ["Result", "Step", "Stopped", "Sweep", "paint", "stylize", "sweep"]

File = str | PathLike[str]
THUMBNAIL = 160
"""Longest edge of a sweep's pictures in a notebook, pixels."""


def paint(
    picture: File | None = None,
    *,
    callback: Callable[[Step], object] | None = None,
    progress: bool = True,
    folder: File | None = None,
    config_dir: File | None = None,
    overrides: Overrides = (),
    **options: Any,
) -> Result:
    """Paint a photograph, as `nst content.path=PICTURE OPTION=VALUE ...` does, and return the result.

    Nothing of the process is changed when it returns: loggers, signal handlers, environment, random numbers, threads.

    Args:
        picture: The photograph's file; None: the one that comes with nst, or `content="coffee"`.
        callback: Called after every step with its losses and its picture; KeyboardInterrupt raised in it ends the run.
        progress: Whether a bar is shown: on a terminal, or with the picture in a notebook.
        folder: The run's own, as `hydra.run.dir=`; None: `outputs/<date>/<time>_<name>`.
        config_dir: A folder with options of your own, as `--config-dir`.
        overrides: Further words as they are typed, or a mapping of dotted keys to values.
        options: What can be typed, by the same names; a mapping sets keys of an option:
            `style="mosaic"`, `size=512`, `weights={"style": 0.3}`.

    Raises:
        ValueError: A value can't be used.
        OSError: A file can't be read or written.
        Stopped: Ctrl-C, or the callback, ended the run; the picture so far is its `result`.
    """
    asked = words(_options(picture, options), overrides)
    if refused := next((word for word in asked if word in ("-m", "--multirun") or word.startswith("search=")), None):
        raise ValueError(f"{refused} is for many runs; call nst.sweep")
    if folder is not None:
        asked += words({"hydra.run.dir": fspath(folder)})
    notebook = Notebook() if progress and in_notebook() else None
    watchers = [Watch(callback)] if callback else []
    bar = progress and notebook is None and sys.stdout.isatty()
    with isolated(), _composed(asked, config_dir) as (config, invocation):
        invocation.folder.mkdir(parents=True, exist_ok=True)
        with logged(invocation.folder / "train.log"):
            config, invocation = recipes.settle(config, invocation)
            job = replace(invocation, watchers=[*watchers, *([notebook] if notebook else [])], shows_progress=bar)
            try:
                run(compose.plain(config), job)
            except SystemExit as end:
                if end.code != 128 + signal.SIGINT:
                    raise
                raise Stopped(job.folder, _result(job.folder)) from None
            finally:
                if notebook:
                    notebook.message(f"{job.folder}: {status.read(job.folder).get('state', 'not started')}")
    result = _result(invocation.folder)
    assert result is not None  # the run has ended well
    return result


@overload
def stylize(content: File, checkpoint: File | None = None, **options: Any) -> Result | list[Result]: ...
@overload
def stylize(content: Sequence[File], checkpoint: File | None = None, **options: Any) -> list[Result]: ...
def stylize(content: File | Sequence[File], checkpoint: File | None = None, **options: Any) -> Result | list[Result]:
    """Paint a picture, a video or a folder of pictures with a trained network, as `nst stylize` does.

    Args:
        content: The file or the folder, or a list of files.
        checkpoint: The `network.safetensors` or `network.ckpt` of a run; None: those that come with nst.
        options: What can be typed, by the same names: `style="mosaic:2,hatching:1"`, `strength=0.7`, `size=1024`.

    Returns:
        The result; for a folder or a list a list, without the files that can't be painted, which are logged.

    Raises:
        ValueError: An option or the file can't be used.
        OSError: A file can't be read or written.
    """
    if not isinstance(content, str | PathLike):
        return [one for file in content for one in _listed(stylize(file, checkpoint, **options))]
    given = {"content": fspath(content), "checkpoint": checkpoint and fspath(checkpoint), **options}
    asked = stylize_options.parse([f"{key}={_typed(value)}" for key, value in given.items()])
    with isolated():
        painted = inference.paint(asked)
        results = [Result(path) for path in painted.paths]
        for line in painted.failures:
            inference.log.warning("warning: %s", line)
    return results if Path(asked.content).is_dir() else results[0]


@dataclass(frozen=True)
class Sweep(Sequence[dict[str, Any]]):
    """The runs of a sweep as a table: a row is what was swept, the state, the figures and the result of one run.

    `pandas.DataFrame(sweep)` takes it as it is, and a notebook shows it.

    Attributes:
        folder: The sweep's own; `gallery.html` in it compares the runs.
        swept: The keys that were swept.
        rows: One mapping for each run; its `result` is None for a run without a picture.
    """

    folder: Path
    swept: list[str]
    rows: list[dict[str, Any]] = field(repr=False)

    @overload
    def __getitem__(self, place: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, place: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, place: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        return self.rows[place]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def gallery(self) -> Path:
        """The page that compares the runs."""
        return self.folder / "gallery.html"

    def best(self, figure: str) -> dict[str, Any]:
        """Return the row with the lowest figure, of `ssim` the highest.

        Args:
            figure: `judge.score`, `judge.style`, `judge.content`, `judge.ssim`, `loss`, `seconds`, ...; docs/sweeps.md
                says what they mean.

        Raises:
            ValueError: No run has it.
        """
        rows = [row for row in self.rows if isinstance(row.get(figure), int | float)]
        if not rows:
            raise ValueError(f"no run has the figure {figure!r}; nearest: {', '.join(nearest(figure, self.rows[0]))}")
        return min(rows, key=lambda row: -row[figure] if figure == "judge.ssim" else row[figure])

    def _repr_html_(self) -> str:
        names = [
            *self.swept,
            "state",
            *(name for name in FIGURES if any(row.get(name) is not None for row in self.rows)),
        ]
        head = "".join(f"<th>{html.escape(name)}</th>" for name in ("", *names))
        lines = []
        for row in self.rows:
            image = "" if row["result"] is None else inline(row["result"].image, THUMBNAIL)
            cells = "".join(f"<td>{html.escape(_shown(row.get(name)))}</td>" for name in names)
            lines.append(f"<tr><td>{image}</td>{cells}</tr>")
        return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def sweep(
    picture: File | None = None,
    *,
    progress: bool = True,
    folder: File | None = None,
    config_dir: File | None = None,
    overrides: Overrides = (),
    **options: Any,
) -> Sweep:
    """Run every combination of options, as `nst -m` does in a process of its own, and return the runs as a table.

    Args:
        picture: The photograph's file, as for `paint`.
        progress: Whether what the sweep says is printed.
        folder: The sweep's own, as `hydra.sweep.dir=`; None: `outputs/<date>/<time>_sweep`.
        config_dir: As for `paint`.
        overrides: As for `paint`; in a mapping, too, a list is several values to try.
        options: As for `paint`, but a list is several values to try: `style=["mosaic", "hatching"]`,
            `weights={"style": [0.3, 1, 3]}`.

    Raises:
        ValueError: The sweep could not begin.
        KeyboardInterrupt: Ctrl-C ended it; its runs so far are in its folder.
    """
    asked = words(_options(picture, options), overrides, sweeps=True)
    given = [word.partition("=")[2] for word in asked if word.startswith("hydra.sweep.dir=")]
    place = Path(given[0].strip("'") if given else folder or time.strftime("outputs/%Y-%m-%d/%H-%M-%S_sweep"))
    more = [] if given else words({"hydra.sweep.dir": place})
    extra = ["--config-dir", fspath(config_dir)] if config_dir is not None else []
    command = [sys.executable, "-m", "nst", *extra, *asked, *more]
    last = ""
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # on Windows the same
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                last = line.strip() or last
                if progress:
                    print(line, end="", flush=True)
        except KeyboardInterrupt:
            process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT))
            process.wait()
            raise
    try:
        runs = collect(place)
    except FileNotFoundError:
        raise ValueError(last.removeprefix("error: ")) from None
    return Sweep(place, axes(runs, place), [_row(one, axes(runs, place)) for one in runs])


def _row(one: Run, swept: Sequence[str]) -> dict[str, Any]:
    result = None if one.picture is None else Result(one.picture)
    chosen = {key: _number(one.choices.get(key)) for key in swept}
    figures = {f"judge.{name}" if name in FIGURES else name: value for name, value in one.figures.items()}
    return {**chosen, "state": one.state, "reason": one.reason, **figures, "result": result}


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def _number(text: str | None) -> Any:
    """A swept value as a number where it is one."""
    for kind in (int, float):
        try:
            return kind(text or "")
        except ValueError:
            continue
    return text


def _options(picture: File | None, options: Mapping[str, Any]) -> dict[str, Any]:
    return dict(options) if picture is None else {"content.path": fspath(picture), **options}


def _typed(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(found: Result | list[Result]) -> list[Result]:
    return found if isinstance(found, list) else [found]


def _result(folder: Path) -> Result | None:
    names = (image_job.FINAL, image_job.PARTIAL)
    return next((Result(folder / name) for name in names if (folder / name).is_file()), None)


@contextmanager
def _composed(asked: Sequence[str], config_dir: File | None) -> Iterator[tuple[DictConfig, Invocation]]:
    """Compose a run as `hydra.main` would, and take everything that Hydra keeps of it back afterwards."""
    earlier, base = HydraConfig.instance().cfg, version.getbase()
    if config_dir is not None:
        asked = [*asked, *words({}, [f"hydra.searchpath=['file://{Path(config_dir).resolve()}']"])]
    try:
        with initialize_config_dir(str(OWN), version_base="1.3", job_name="train"):
            try:
                config = compose_config("train", list(asked), return_hydra_config=True)
            except Exception as error:  # Hydra's own, in several lines
                raise ValueError(one_line(error)) from None
            HydraConfig.instance().set_config(config)
            with read_write(config.hydra), open_dict(config.hydra):
                config.hydra.runtime.output_dir = str(Path(config.hydra.run.dir).absolute())
                HydraConfig.instance().set_config(config)
                job = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
            yield job, Invocation.current()
    finally:
        HydraConfig.instance().cfg = earlier
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Hydra's, on the version that the program chose, or did not choose
            version.setbase(str(base))
