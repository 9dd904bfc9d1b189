"""Where options come from: nst's own folder, and those that installed packages add. Imports nothing heavy."""

from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

OWN = Path(__file__).parents[1] / "conf"
"""nst's own options: train.yaml has the defaults list; a folder is a group, a file in it an option."""
ENTRY_POINTS = "nst.conf"
"""Entry points of packages that bring options: `name = "package.folder"`."""


def installed() -> Iterator[tuple[str, Path]]:
    """Yield the name and the folder of every installed package that brings options. No package is imported for it.

    Raises:
        ValueError: An entry point names a folder that is not there.
    """
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        package, _, inside = entry.value.partition(".")
        spec = find_spec(package)
        roots = [Path(root) for root in (spec.submodule_search_locations or [])] if spec else []
        folder = next((one for root in roots if (one := root.joinpath(*inside.split("."))).is_dir()), None)
        if folder is None:
            raise ValueError(
                f"the entry point {entry.name} = {entry.value!r} ({ENTRY_POINTS}) names no folder of an installed "
                f"package; give one like 'mypackage.conf'"
            )
        yield entry.name, folder
