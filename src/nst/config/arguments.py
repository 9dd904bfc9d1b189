"""The command line before Hydra reads it: file names need no quotes, `resume=` names a folder. No torch."""

import glob
import re
from itertools import pairwise
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob

from nst.config import foreign, legacy
from nst.utils.files import user_path
from nst.utils.process import has_nonzero_rank, without_output

PATHS = re.compile(
    r"^(?P<key>[+~]{0,2}(?:[\w.@/]+\.)?(?:path|mask|checkpoint|cache|styles)|resume|base|reproduce|recipe"
    r"|hydra\.run\.dir|hydra\.sweep\.dir)=(?P<value>.+)$",
    re.S,
)
PLAIN = re.compile(r"^[\w./\-:%+@]*$", re.A)
SWEEPS = re.compile(r"^(glob|choice|range|interval|shuffle|sort|tag)\(.*\)$", re.S)

VALUED = ["-c", "--cfg", "-i", "--info", "-p", "--package", "--experimental-rerun"]
VALUED += ["-cp", "--config-path", "-cn", "--config-name", "-cd", "--config-dir"]
"""Flags of Hydra whose value is the next word."""


def arguments(typed: list[str]) -> list[str]:
    """Return the command line that Hydra reads for the one that was typed."""
    for word in typed:
        if not word.isprintable() and any(0xD800 <= ord(letter) <= 0xDFFF for letter in word):
            shown = word.encode("utf-8", "replace").decode()
            raise ValueError(f"{shown} is no valid UTF-8; rename the file or folder")
    foreign.refuse(typed)
    read = with_run_folder(options_last(legacy.words(quoted(typed))))
    return without_output(read) if has_nonzero_rank(read) else read


def with_run_folder(arguments: list[str]) -> list[str]:
    """Return a command line in which `resume=FOLDER` also sets Hydra's folder of the run or the sweep.

    The folder's `.hydra` is left as it is.

    Raises:
        ValueError: The folder holds no run, or no sweep.
    """
    sweeps = any(argument in ("-m", "--multirun") or argument.startswith("search=") for argument in arguments)
    word, mark, kind = ("sweep", "sweep.json", "sweep") if sweeps else ("run", "status.json", "run")
    out = []
    for argument in arguments:
        key, _, value = argument.partition("=")
        folder = user_path(_unquoted(value))
        if key == "resume" and value != "null":
            if not (folder / mark).is_file():
                raise ValueError(f"{argument} is no {kind}; give the folder that `{mark}` is in")
            out += [f"hydra.{word}.dir={value}"] if sweeps else [argument, f"hydra.run.dir={value}"]
        else:
            out.append(argument)
        if not sweeps and key in ("resume", "hydra.run.dir") and (folder / mark).is_file():
            out.append("hydra.output_subdir=null")
    return out


def quoted(arguments: list[str]) -> list[str]:
    """Quote the values of options that are file names, so that spaces, commas and accents pass Hydra's grammar.

    In a sweep (`-m`, which may stand anywhere) a comma separates files, unless the whole names one.
    """
    flags = [argument for argument in arguments if argument in ("-m", "--multirun")]
    return flags[:1] + [_quoted(argument, bool(flags)) for argument in arguments if argument not in flags]


def options_last(arguments: list[str]) -> list[str]:
    """Put `key=value` words behind the flags, since Hydra refuses those that stand on both sides of a flag."""
    options = [
        word
        for before, word in pairwise(["", *arguments])
        if before not in VALUED and ("=" in word or word[:1] in ("~", "+")) and not word.startswith("-")
    ]
    return [word for word in arguments if word not in options] + options


def _quoted(argument: str, sweep: bool) -> str:
    match = PATHS.match(argument)
    if match is None:
        return argument
    value = match["value"]
    if value in ("null", "embedded", "random") or value[0] in "'\"":
        return argument
    if match["key"].startswith("hydra."):  # its own interpolations stay
        return f"{match['key']}={_quote(str(user_path(value)), interpolates=True)}"
    if SWEEPS.match(value):
        return f"{match['key']}={_globbed(argument)}" if value.startswith("glob(") else argument
    if value.startswith("[") and value.endswith("]") and not Path(value).exists():
        return f"{match['key']}=[{','.join(_quote(item) for item in value[1:-1].split(','))}]"
    if sweep and not user_path(value).exists():
        return f"{match['key']}={','.join(_quote(item) for item in value.split(','))}"
    return f"{match['key']}={_quote(value)}"


def _globbed(argument: str) -> str:
    """Return the files that `glob(...)` matches, for a sweep; Hydra's own glob is for names of options."""
    found = OverridesParser.create().parse_override(argument).value()
    assert isinstance(found, Glob)
    files = {file for pattern in found.include for file in glob.glob(str(user_path(pattern)))}  # noqa: PTH207
    files -= {file for pattern in found.exclude for file in glob.glob(str(user_path(pattern)))}  # noqa: PTH207
    if not files:
        raise ValueError(f"{argument} matches no file; give a pattern that does, such as glob(photos/*.jpg)")
    return ",".join(_quote(file) for file in sorted(files))


def _quote(value: str, *, interpolates: bool = False) -> str:
    return value if PLAIN.match(value) or value[:1] in ("'", '"') else literal(value, interpolates=interpolates)


def literal(value: str, *, interpolates: bool = False) -> str:
    """Return a text in quotes, so that nothing in it has a meaning to Hydra, except `${...}` if it interpolates."""
    escaped = re.sub(r"(\\+)(?='|$)", r"\1\1", value).replace("'", "\\'")
    if not interpolates:
        escaped = re.sub(r"(\\*)\$\{", r"\1\1\\${", escaped)
    return f"'{escaped}'"


def _unquoted(value: str) -> str:
    """Return a value as Hydra reads it."""
    if value[:1] not in ("'", '"'):
        return value
    text = str(OverridesParser.create().parse_override(f"x={value}").value())
    return re.sub(r"(\\*)\1\\\$\{", r"\1${", text)
