"""The command `nst`, and `python -m nst`: the first word may name what is done; without one a picture is painted."""

import sys
from importlib import import_module

COMMANDS = {
    "stylize": "paint pictures, folders and videos with a trained network",
    "gallery": "make the page that compares the runs in a folder",
    "library": "list the styles, and fetch paintings in advance",
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
        from nst.utils.versions import own

        print(f"nst {own()}")
        return 0
    if first in ("-h", "--help") and (not rest or rest[0] in ("--config-dir", "-cd")):
        from nst.commands import usage

        print(usage.text(COMMANDS, rest[1] if len(rest) > 1 else None))
        return 0
    from nst.commands import train

    return train.main()


if __name__ == "__main__":
    sys.exit(main())
