"""Paint the style pictures bundled with nst; every run gives the same pictures.

All of them, at the bundled size:  python scripts/paint_styles.py
One of them, in another folder:    python scripts/paint_styles.py --only swirling_night --size 2048 --out DIR
A contact sheet of the folder:     python scripts/paint_styles.py --sheet sheet.jpg
"""

import argparse
import time
from pathlib import Path

from painter.catalogue import BUNDLED, contact_sheet, save, write
from painter.gallery import PICTURES

_ASSETS = Path(__file__).parents[1] / "src" / "nst" / "assets" / "styles"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=BUNDLED, help="edge in pixels")
    parser.add_argument("--only", nargs="+", choices=PICTURES, metavar="NAME", help=f"of {', '.join(PICTURES)}")
    parser.add_argument("--out", type=Path, default=_ASSETS, help="folder of the pictures")
    parser.add_argument("--sheet", type=Path, help="paint nothing; write a contact sheet of the folder to this file")
    arguments = parser.parse_args()
    if arguments.size < 16:
        parser.error(f"--size is {arguments.size} pixels; give at least 16")
    return arguments


def main() -> None:
    """Paint the pictures, or write the contact sheet."""
    arguments = _arguments()
    if arguments.sheet:
        try:
            arguments.sheet.write_bytes(contact_sheet(arguments.out))
        except ValueError as problem:
            raise SystemExit(f"paint_styles.py: {problem}") from None
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.only or PICTURES:
        start = time.perf_counter()
        path = save(name, edge=arguments.size, folder=arguments.out)
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB  {time.perf_counter() - start:.1f} s", flush=True)
    write(arguments.out)


if __name__ == "__main__":
    main()
