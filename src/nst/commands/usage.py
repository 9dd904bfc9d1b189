"""`nst --help`: commands, groups, options. Read from the files of the options, so that it comes at once."""

import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

from nst.config.search_path import OWN, installed
from nst.utils import terminal
from nst.utils.extras import EXTRAS

HEAD = """nst turns a photograph into a painting; without a word it paints one that comes with it.

  nst [group=option ...] [key=value ...]        paint a picture, or train a network (method=)
  nst -m style=mosaic,hatching seed=0,1 ...     a sweep: every combination, and a page that compares them
{commands}
  nst [...] --cfg job                           print the complete configuration instead
  nst --config-dir FOLDER [...]                 with options of your own: FOLDER/<group>/<option>.yaml
  nst --hydra-help, nst --version
"""
KNOWN = {"nst_slurm", "nst_search_path", *(module.rpartition(".")[2] for _, module in EXTRAS.values())}
"""Plugins of Hydra that bring no options beside those in the folders."""


def show(commands: Mapping[str, str], folder: str) -> int:
    """Print the help, or the line that says why there is none, and return the exit code."""
    with terminal.steady():
        try:
            print(text(commands, folder))
        except ValueError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


def text(commands: Mapping[str, str], folder: str = "") -> str:
    """Return the help.

    Args:
        commands: Word -> what it does.
        folder: A folder with options of the user's own, or nothing.

    Raises:
        ValueError: There is no such folder, or a package that brings options is broken.
    """
    if folder and not Path(folder).is_dir():
        raise ValueError(f"there is no folder {folder}; give --config-dir a folder with options of your own")
    more = [*_installed(), *([Path(folder)] if folder else [])]
    own = (OWN / "train.yaml").read_text(encoding="utf-8")
    chosen = dict(re.findall(r"^  - (?:override )?([\w/]+): (\w+)", own, re.M))
    lines = [f"  nst {word:<41} {what}" for word, what in commands.items()]
    return "\n".join(
        [
            HEAD.format(commands="\n".join(lines)),
            "Groups and their options (* is the default)",
            *(_row(group, options, chosen.get(group)) for group, options in sorted(_groups([OWN, *more]).items())),
            "\nKeys and their defaults; the options of a group have keys of their own: nst backbone=vgg19 --cfg job",
            *re.findall(r"^(?!defaults|hydra|#)\w+: .*$", own, re.M),
        ]
    )


def _groups(folders: Iterable[Path]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for folder in folders:
        for file in folder.rglob("*.yaml"):
            group = file.parent.relative_to(folder).as_posix()
            if group != "." and not group.endswith("_logging"):
                found.setdefault(group, set()).add(file.stem)
    return {group: sorted(options) for group, options in found.items()}


def _row(group: str, options: Iterable[str], default: str | None) -> str:
    words = ["*" + option if option == default else option for option in options]
    width = min(shutil.get_terminal_size().columns, 120)
    return textwrap.fill(
        " ".join(words), width, initial_indent=f"  {group:<15} ", subsequent_indent=" " * 18, break_long_words=False
    )


def _installed() -> list[Path]:
    """Return the folders of packages that bring options; Hydra is asked only where a plugin of its own is there."""
    spec = find_spec("hydra_plugins")
    roots = [Path(root) for root in (spec.submodule_search_locations or [])] if spec else []
    plugins = {one.stem for root in roots if root.is_dir() for one in root.iterdir() if not one.name.startswith("_")}
    if plugins <= KNOWN:
        return [folder for _, folder in installed()]
    from hydra._internal.utils import create_config_search_path

    found = create_config_search_path(str(OWN)).get_path()
    return [_folder(one.path) for one in found if one.path and one.provider not in ("hydra", "main", "schema")]


def _folder(path: str) -> Path:
    if not path.startswith("pkg://"):
        return Path(path.removeprefix("file://"))
    place = path.removeprefix("pkg://")
    package, *inside = place.replace("/", ".").split(".")
    __import__(package)
    return Path(str(sys.modules[package].__path__[0])).joinpath(*inside)
