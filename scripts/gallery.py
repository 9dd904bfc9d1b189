"""Make gallery.html, gallery.csv and gallery.png of the runs in a folder: one page that compares them all.

python scripts/gallery.py outputs/2026-01-31/12-00-00-000000_sweep
python scripts/gallery.py outputs            # every run there is
python scripts/gallery.py FOLDER --inside 0  # a light page that reads the large pictures from the runs' folders
"""

import argparse
import sys
from pathlib import Path

from nst.sweep.gallery.page import BUDGET, make


def main() -> int:
    """Make it, and say where."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of a run, of a sweep, or of many")
    parser.add_argument(
        "--inside",
        type=int,
        default=BUDGET // 1_000_000,
        metavar="MB",
        help="large pictures to put inside the page, megabytes (default: %(default)s)",
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
