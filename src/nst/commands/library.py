"""List the styles by movement, and fetch paintings in advance.

nst library                                  # all styles, as a table
nst library --movement ukiyo-e               # one movement
nst library --fetch starry_night the_scream  # into the cache; `--fetch all` for every painting
nst library --json                           # as JSON
"""

import argparse
import json
import sys
from dataclasses import asdict, replace
from itertools import groupby

import yaml
from rich import box
from rich.console import Console
from rich.table import Table

from nst.config.search_path import OWN
from nst.config.styles import pictures
from nst.data.download import Download
from nst.data.library import ImageSource, cached, find
from nst.utils.errors import nearest


def state(picture: ImageSource, download: Download) -> str:
    """Return whether a picture is in the package, in the cache, or not fetched yet."""
    if picture.commons is None:
        return "packaged"
    return "cached" if cached(picture.commons, download).is_file() else "not fetched"


def table(chosen: list[ImageSource], download: Download) -> Table:
    """Return a table with one section for each movement."""
    sheet = Table(title=f"{len(chosen)} styles", header_style="bold", box=box.SIMPLE)
    sheet.add_column("style", no_wrap=True)
    for title in ("title", "artist", "year", "collection", "homage", "state"):
        sheet.add_column(title)
    for movement, group in groupby(chosen, key=lambda picture: picture.movement):
        sheet.add_section()
        sheet.add_row(f"[bold]{movement}[/bold]")
        for picture in group:
            fields = (picture.title, picture.artist, picture.year, picture.collection, picture.homage or "")
            sheet.add_row(f"  {picture.name}", *fields, state(picture, download))
    return sheet


def fetch(chosen: list[ImageSource], download: Download) -> int:
    """Fetch the paintings one after the other and return how many failed."""
    failed = 0
    for picture in chosen:
        try:
            found = find(replace(picture, homage=None), download)
        except OSError as error:
            failed += 1
            print(error, file=sys.stderr)
        else:
            print(f"{picture.name}: {found.origin}, {found.path}")
    return failed


def named(names: list[str], known: list[ImageSource]) -> list[ImageSource]:
    """Return the pictures with these names, or all; an unknown name ends the program with the nearest ones."""
    if names == ["all"]:
        return known
    by_name = {picture.name: picture for picture in known}
    for name in names:
        if name not in by_name:
            near = ", ".join(nearest(name, by_name))
            sys.exit(f"no style {name!r}; the nearest: {near}")
    return [by_name[name] for name in names]


def main(arguments: list[str]) -> int:
    """List or fetch, and return the exit code: 1 if a painting could not be fetched."""
    known = pictures()
    movements = list(dict.fromkeys(picture.movement for picture in known))
    parser = argparse.ArgumentParser(
        "nst library", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--movement", choices=movements, help="only this school or period")
    parser.add_argument("--fetch", nargs="+", metavar="NAME", help="fetch these into the cache, or `all`")
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    given = parser.parse_args(arguments)
    values = yaml.safe_load((OWN / "download" / "default.yaml").read_text(encoding="utf-8"))
    values.pop("_target_")
    download = Download(**values)
    chosen = [picture for picture in known if given.movement in (None, picture.movement)]
    if given.fetch:
        return int(fetch(named(given.fetch, chosen), download) > 0)
    if given.json:
        listed = [asdict(picture) | {"state": state(picture, download)} for picture in chosen]
        print(json.dumps(listed, indent=2, ensure_ascii=False))
    else:
        Console(width=None if sys.stdout.isatty() else 160).print(table(chosen, download))
    return 0
