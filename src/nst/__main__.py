"""The command `nst`, and `python -m nst`: the first word may name what is done; without one a picture is painted."""

import sys
from importlib import import_module

COMMANDS = {
    "stylize": "paint pictures, folders and videos with a trained network",
    "evaluate": "compare methods by the same pairs, figures and tests",
    "gallery": "make the page that compares the runs in a folder",
    "library": "list the styles, and fetch paintings in advance",
    "serve": "open a page to paint in (extra web)",
    "export-onnx": "write a trained network as ONNX",
}
"""First word -> what it does; each is a module of `nst.commands`, imported when it is asked for."""


def main() -> int:
    """Do what the command line says, and return the exit code."""
    first, *rest = sys.argv[1:] or [""]
    if first in COMMANDS:
        command = import_module(f"nst.commands.{first.replace('-', '_')}")
        code: int = command.main(rest)
        return code
    if first == "--version":
        from nst.utils import terminal
        from nst.utils.versions import own

        with terminal.steady():
            print(f"nst {own()}")
        return 0
    if (folder := _folder_of_help([first, *rest])) is not None:
        from nst.commands import usage

        return usage.show(COMMANDS, folder)
    from nst.commands import train

    return train.main()


def _folder_of_help(words: list[str]) -> str | None:
    """Return the folder of `--config-dir` beside `--help`, empty without one; None where more is typed than these."""
    left = [word for word in words if word not in ("-h", "--help")]
    if len(left) == len(words) or (left and (left[0] not in ("-cd", "--config-dir") or len(left) != 2)):
        return None
    return left[1] if left else ""


if __name__ == "__main__":
    sys.exit(main())
