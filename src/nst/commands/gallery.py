"""Make gallery.html, gallery.csv and gallery.png, which compare all runs in a folder.

nst gallery outputs/2026-01-31/12-00-00-000000_sweep
nst gallery outputs            # all runs
nst gallery FOLDER --inside 0  # a small page that links to the large pictures in the runs' folders
"""

import argparse
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Make the gallery, print its path and return the exit code."""
    parser = argparse.ArgumentParser(
        "nst gallery", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of a run, of a sweep, or of many")
    parser.add_argument(
        "--inside",
        type=int,
        default=16,
        metavar="MB",
        help="large pictures to embed in the page (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    from nst.sweeps.gallery.page import make  # imports Pillow

    try:
        print(make(options.folder, budget=options.inside * 1_000_000))
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
