"""Feature maps of a large image in a memory-mapped file, read tile by tile."""

import logging
import tempfile
import weakref
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

log = logging.getLogger("nst")


class Paged:
    """A map in an anonymous temporary file (in `TMPDIR`), which the system deletes with the object or the process.

    The channels of a position are adjacent in the file, so a tile's part is a few long runs of bytes, and only these
    are in memory while they are copied.

    Args:
        value: (N, C, h, w), on the CPU.

    Raises:
        OSError: There is no room for it.
    """

    def __init__(self, value: Tensor) -> None:
        self.dtype = value.dtype
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the map)
        weakref.finalize(self, self.file.close)
        for row in value.detach().unbind(-2):
            self.file.write(row.permute(0, 2, 1).contiguous().view(torch.uint8).numpy().data)
        self.file.flush()
        count, channels, height, width = value.shape
        self.shape = height, count, width, channels * value.element_size()

    def part(self, rows: slice, columns: slice) -> Tensor:
        """Return a copy of some rows and columns, (N, C, h', w')."""
        whole = np.memmap(self.file, dtype=np.uint8, mode="r", shape=self.shape)
        own = np.array(whole[rows, :, columns])
        values = torch.from_numpy(own).flatten().view(self.dtype)  # flat: a part may have no rows
        return values.view(*own.shape[:3], own.shape[3] // self.dtype.itemsize).permute(1, 3, 0, 2)


def page(maps: Mapping[str, Tensor]) -> dict[str, Tensor | Paged]:
    """Return the maps in files; as they are on a GPU, or where there is no room, which is logged."""
    try:
        return {name: Paged(value) if value.device.type == "cpu" else value for name, value in maps.items()}
    except OSError as error:
        log.warning(
            "warning: the content's features stay in memory: no room in %s (%s); set TMPDIR to a larger disk",
            tempfile.gettempdir(),
            error.strerror or error,
        )
        return dict(maps)


def part(value: Tensor | Paged, rows: slice, columns: slice) -> Tensor:
    """Return some rows and columns of a map, in a file or in memory."""
    return value.part(rows, columns) if isinstance(value, Paged) else value[..., rows, columns]
