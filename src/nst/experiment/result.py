"""What a run has left in its folder, for Python."""

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image

from nst.callbacks.watch import in_notebook
from nst.experiment import status
from nst.utils.files import read_json


@dataclass(frozen=True)
class Result:
    """A picture that was painted, and its figures. A notebook shows it where it is the value of a cell.

    Attributes:
        path: The picture's file: `final.png`, or `partial.png` of a run that was interrupted.
    """

    path: Path

    @property
    def folder(self) -> Path:
        """The folder that the picture is in; for a run, its own."""
        return self.path.parent

    @cached_property
    def image(self) -> Image.Image:
        """The picture."""
        with Image.open(self.path) as image:
            return image.copy()

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """What `metrics.json` says of the run: losses, figures, seconds, warnings; empty where there is none."""
        return read_json(self.folder / "metrics.json")

    def show(self) -> None:
        """Show the picture: in a notebook below the cell, elsewhere with the system's viewer."""
        if in_notebook():
            import_module("IPython.display").display(self.image)
        else:
            self.image.show()

    def _repr_png_(self) -> bytes | None:
        return self.path.read_bytes() if self.path.suffix == ".png" else None


class Stopped(KeyboardInterrupt):
    """A run was stopped by Ctrl-C, by a notebook's stop button or by its callback; what there is was kept.

    Attributes:
        result: The picture so far; None where there is none yet.
        folder: The run's, for `resume=`.
    """

    def __init__(self, folder: Path, result: Result | None) -> None:
        kept = f"the picture so far is {result.path}" if result else "there is no picture yet"
        super().__init__(f"stopped; {kept}; {status.how_to_go_on(folder)}")
        self.folder = folder
        self.result = result
