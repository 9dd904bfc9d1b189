"""Make gallery.html, gallery.csv and gallery.png, which compare all runs in a folder.

python scripts/gallery.py outputs/2026-01-31/12-00-00-000000_sweep
python scripts/gallery.py outputs            # all runs
python scripts/gallery.py FOLDER --inside 0  # a small page that links to the large pictures in the runs' folders
"""

import argparse
import sys
from pathlib import Path

from nst.sweep.gallery.page import BUDGET, make


def main() -> int:
    """Make the gallery and print its path."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of a run, of a sweep, or of many")
    parser.add_argument(
        "--inside",
        type=int,
        default=BUDGET // 1_000_000,
        metavar="MB",
        help="large pictures to embed in the page, megabytes (default: %(default)s)",
    )
    options = parser.parse_args()
    try:
        print(make(options.folder, budget=options.inside * 1_000_000))
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
