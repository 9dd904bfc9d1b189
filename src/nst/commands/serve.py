"""Open a page to paint in: a photograph in, sliders, and the picture grows before your eyes.

nst serve                     # at http://127.0.0.1:7860, for this machine alone
nst serve --size 2048         # larger pictures
nst serve --host 0.0.0.0      # for other machines too: it asks for a password
"""

import argparse
import getpass
import os
import sys
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

from nst.serve.limits import Limits
from nst.utils.errors import one_line
from nst.utils.extras import missing_extra

PASSWORD = "NST_PASSWORD"
"""Environment variable with the password."""
HELP = {
    "size": "longest edge of a picture, pixels",
    "seconds": "a picture that takes longer is stopped, and kept",
    "megapixels": "larger uploads are refused, 10^6 pixels",
    "megabytes": "larger files are refused, 10^6 bytes",
    "waiting": "pictures that one visitor may have in the queue",
    "queue": "pictures that may be in the queue",
    "patience": "seconds after which the pictures of a closed browser are stopped",
    "kept": "pictures that are kept for a visitor",
}
"""Limit -> what it is."""


def main(arguments: list[str]) -> int:
    """Serve the page until a signal comes, and return the exit code."""
    parser = argparse.ArgumentParser(
        "nst serve", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: %(default)s)")
    parser.add_argument("--port", type=int, default=7860, help="0: any that is free (default: %(default)s)")
    parser.add_argument(
        "--folder", type=Path, default=Path("outputs/page"), help="where pictures are kept (default: %(default)s)"
    )
    for limit in fields(Limits):
        kind = type(limit.default)
        parser.add_argument(
            f"--{limit.name}", type=kind, default=limit.default, metavar="N",
            help=f"{HELP[limit.name]} (default: %(default)g)",
        )  # fmt: skip
    given = parser.parse_args(arguments)
    try:
        if any(find_spec(module) is None for module in ("starlette", "uvicorn")):
            raise ValueError(missing_extra("nst serve"))
        limits = Limits(**{limit.name: getattr(given, limit.name) for limit in fields(Limits)})
        from nst.serve.server import LOCAL, serve

        password = None if given.host in LOCAL and PASSWORD not in os.environ else _password()
        serve(host=given.host, port=given.port, folder=given.folder, limits=limits, password=password)
    except KeyboardInterrupt:
        return 130
    except (ValueError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 1
    return 0


def _password() -> str:
    """Return the password that visitors must give: of the environment, or typed now."""
    given = os.environ.pop(PASSWORD, None)  # the painting processes need not know it
    if given is None:
        if not sys.stdin.isatty():
            raise ValueError(f"--host opens the page to other machines and needs a password; set {PASSWORD}")
        given = getpass.getpass("password for the page: ")
    if len(given) < 8:
        raise ValueError("the password has fewer than 8 letters; give a longer one")
    return given
