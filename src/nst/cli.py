"""The command line round Hydra: file names need no quotes, and an error is one line. Imports nothing heavy."""

import os
import re
import shlex
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nst.utils.errors import is_user_error, one_line
from nst.utils.process import has_nonzero_rank, without_output

REPORT = "NST_REPORT"
"""Set while errors are told in one line."""
PATHS = re.compile(
    r"^(?P<key>[+~]{0,2}(?:[\w.@/]+\.)?(?:path|mask|checkpoint|cache|styles)|resume|base|recipe)=(?P<value>.+)$", re.S
)
PLAIN = re.compile(r"^[\w./\-:%+@]*$", re.A)
SWEEPS = re.compile(r"^(glob|choice|range|interval|shuffle|sort|tag)\(.*\)$", re.S)


EXTRAS = {
    "hydra/sweeper=optuna": ("optuna", "hydra_plugins.hydra_optuna_sweeper"),
    "hydra/launcher=joblib": ("joblib", "hydra_plugins.hydra_joblib_launcher"),
    "hydra/launcher=submitit_local": ("slurm", "hydra_plugins.hydra_submitit_launcher"),
    "hydra/launcher=submitit_slurm": ("slurm", "hydra_plugins.hydra_submitit_launcher"),
    "hydra/launcher=ray": ("ray", "hydra_plugins.hydra_ray_launcher"),
}
"""A choice that needs more than this package: the extra to install, and the plugin that it brings."""


def missing_extra(choice: str) -> str:
    """Say what to install for a choice."""
    return f"{choice} needs an extra: pip install 'nst[{EXTRAS[choice][0]}]'"


def launch(main: Callable[[], Any]) -> int:
    """Run a Hydra main with file names quoted; print an error as one line and return the exit code.

    A sweep is ended here, whatever ended its launcher: by its jobs' own words, its gallery, its exit code.
    """
    # conf/hydra/launcher has our values under the plugins' own names: Hydra 1.3 merges the two, and warns that it does
    warnings.filterwarnings("ignore", message=r"(?s).*validated against ConfigStore schema.*")
    os.environ.setdefault(
        "PYTHONWARNINGS", "ignore::UserWarning:multiprocessing.process"
    )  # the same in joblib's workers
    code = 1
    try:
        code = _told(main)
    finally:
        if "nst.sweep.launch" in sys.modules:
            code = sys.modules["nst.sweep.launch"].end(returned=code == 0) or code
    return code


def _told(main: Callable[[], Any]) -> int:
    if "HYDRA_FULL_ERROR" in os.environ:  # a developer wants tracebacks
        sys.argv[1:] = arguments(sys.argv[1:])
        main()
        return 0
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us instead of being printed by Hydra
    os.environ[REPORT] = "1"
    try:
        sys.argv[1:] = arguments(sys.argv[1:])
        main()
    except KeyboardInterrupt:
        return 130
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except Exception as error:
        return report(error)
    return 0


def arguments(typed: list[str]) -> list[str]:
    """Turn what was typed into what Hydra reads."""
    read = resumed(quoted(typed))
    return without_output(read) if has_nonzero_rank(read) else read


def resumed(arguments: list[str]) -> list[str]:
    """Turn `resume=FOLDER` into Hydra's own words for the folder of a run or a sweep, and leave its `.hydra` as it is.

    Raises:
        ValueError: The folder holds no run, or no sweep.
    """
    sweeps = any(argument in ("-m", "--multirun") or argument.startswith("search=") for argument in arguments)
    word, mark, kind = ("sweep", "sweep.json", "sweep") if sweeps else ("run", "status.json", "run")
    out = []
    for argument in arguments:
        key, _, value = argument.partition("=")
        folder = Path(value.strip("'")).expanduser()
        if key == "resume" and value != "null":
            if not (folder / mark).is_file():
                raise ValueError(f"{argument} is no {kind}; give the folder that `{mark}` is in")
            out += [f"hydra.{word}.dir={value}"] if sweeps else [argument, f"hydra.run.dir={value}"]
        else:
            out.append(argument)
        if not sweeps and key in ("resume", "hydra.run.dir") and (folder / mark).is_file():
            out.append("hydra.output_subdir=null")
    return out


def report(error: Exception) -> int:
    """Print an error as one line and return the exit code; where tracebacks are wanted, raise it."""
    if REPORT not in os.environ:
        raise error
    print(f"error: {_missing_plugin(error) or one_line(error)}", file=sys.stderr)
    if not is_user_error(error):
        where = traceback.extract_tb(error.__traceback__)[-1]
        name = f"{Path(where.filename).name}:{where.lineno}"
        print(f"this is a defect of nst ({name}): HYDRA_FULL_ERROR=1 shows its traceback", file=sys.stderr)
    return 1


def quoted(arguments: list[str]) -> list[str]:
    """Quote the values of options that are file names, so that spaces, commas and accents pass Hydra's grammar.

    In a sweep (`-m`, which may stand anywhere) a comma separates files, unless the whole names one.
    """
    flags = [argument for argument in arguments if argument in ("-m", "--multirun")]
    return flags[:1] + [_quoted(argument, bool(flags)) for argument in arguments if argument not in flags]


def _quoted(argument: str, sweep: bool) -> str:
    match = PATHS.match(argument)
    if match is None:
        return argument
    value = match["value"]
    if value in ("null", "embedded", "random") or value[0] in "'\"" or SWEEPS.match(value):
        return argument
    if value.startswith("[") and value.endswith("]") and not Path(value).exists():
        return f"{match['key']}=[{','.join(_quote(item) for item in value[1:-1].split(','))}]"
    if sweep and not Path(value).expanduser().exists():
        return f"{match['key']}={','.join(_quote(item) for item in value.split(','))}"
    return f"{match['key']}={_quote(value)}"


def _quote(value: str) -> str:
    if PLAIN.match(value) or value[:1] in ("'", '"'):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\${")
    return f"'{escaped}'"


def command(overrides: list[str]) -> str:
    """Give the line to type in a shell for a run with these overrides."""
    return shlex.join(["python", "train.py", *overrides])


def _missing_plugin(error: Exception) -> str | None:
    """Say what to install where Hydra has no file for a choice because its plugin is missing."""
    group, _, got = str(getattr(error, "missing_cfg_file", None)).rpartition("/")
    return missing_extra(f"{group}={got}") if f"{group}={got}" in EXTRAS else None
