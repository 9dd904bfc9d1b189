"""What runs in the processes of a page: reading an upload, painting a picture, painting a grid of small ones."""

import io
import time
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from nst import api
from nst.callbacks.watch import Step
from nst.config import restore
from nst.data import color, image_io, masks
from nst.experiment import image_job, status
from nst.inference.options import Options
from nst.inference.stylize import Painter
from nst.serve.settings import First
from nst.utils.files import write
from nst.utils.process import cores

PREVIEW = 1024
"""Longest edge of the copy of an upload that the page shows, pixels."""
LIVE = 640
"""Longest edge of a live picture, pixels."""
EVERY = 0.5
"""Seconds between two live pictures at least."""
THUMBNAIL = 240
STATES = 8
"""States of a picture that one can go back to."""
Send = Callable[[Any], None]


def warm_up(send: Send) -> None:
    """Paint something small by the network that comes with nst, so that what is compiled on first use is."""
    Painter(Options(content=""))(torch.rand(1, 3, 64, 64))


def read_picture(send: Send, file: Path, megapixels: float) -> dict[str, Any]:
    """Read an upload as a run would, and leave a copy beside it for the page.

    Returns:
        `width`, `height`, pixels, and `notes`.
    """
    image = image_io.load(file, max_megapixels=megapixels)
    image_io.save(image_io.reduced(image.rgb, PREVIEW), file.with_suffix(".preview.jpg"), quality=88)
    height, width = image_io.size_of(image.rgb)
    return {"width": width, "height": height, "notes": list(image.notes)}


def read_mask(send: Send, file: Path, megapixels: float) -> dict[str, Any]:
    """Read a mask as a run would.

    Returns:
        `notes`.
    """
    return {"notes": masks.load(file, max_megapixels=megapixels)[1]}


def first(send: Send, wanted: First, target: Path) -> None:
    """Paint the first result in one pass of the network that comes with nst, write it and send it as `picture`.

    Args:
        send: Takes the JPEG.
        wanted: What is painted.
        target: The file, a JPEG.

    Raises:
        ValueError: The network does not know a style.
    """
    torch.set_num_threads(cores())
    read = image_io.load(wanted.photograph)
    image = image_io.reduced(read.rgb, wanted.size)
    size = image_io.size_of(image)

    def by(style: str) -> torch.Tensor:
        options = Options(content="", style=style, stroke=wanted.stroke, keep_color=wanted.keep_color)
        return Painter(options)(image, opacity=read.alpha)

    if any(wanted.masks):
        own = [None if mask is None else masks.load(mask)[0] for mask in wanted.masks]
        shares = [share for share in masks.divide(own, None, size)[0] if share is not None]
        parts = [share * by(name) for name, share in zip(wanted.styles, shares, strict=True)]
        picture = torch.stack([*parts, (1 - torch.stack(shares).sum(0)).clamp_min(0) * image]).sum(0)
    else:
        picture = by(wanted.mix())
    if wanted.keep is not None:
        picture = torch.lerp(picture, image, masks.resize(masks.load(wanted.keep)[0], size))
    image_io.save(picture, target, quality=90)
    send({"picture": target.read_bytes()})


def paint(send: Send, words: Sequence[str], folder: Path, photograph: Path | None) -> None:
    """Paint a picture, or go on with it if its folder holds a run, and tell what is seen of it.

    Args:
        send: Takes the live pictures, see `Live`.
        words: As they are typed.
        folder: The run's own.
        photograph: Whose colours the live pictures get; None: their own.
    """
    begun = (folder / restore.FILE).is_file()
    live = Live(send, folder, photograph)
    where: dict[str, Any] = {"overrides": [f"resume={folder}"]} if begun else {"overrides": words, "folder": folder}
    try:
        api.paint(callback=live, progress=False, **where)
    except api.Stopped:
        pass
    finally:
        thumbnail(folder)


class Live:
    """Sends the picture while it is painted, at most twice a second, and keeps some of its states.

    A message is a mapping with `step`, `steps` (of the level), `level`, `levels`, `size`, `losses`, `done` (a
    fraction), `left` (seconds), `kept` (counts the states) and `picture` (a JPEG).

    Args:
        send: Takes the messages.
        folder: Where the states are kept.
        photograph: Whose colours are shown; None: the picture's own.
    """

    def __init__(self, send: Send, folder: Path, photograph: Path | None) -> None:
        self.send = send
        self.folder = folder
        self.photograph = photograph
        self.colours: Any = None
        self.last = 0.0
        self.start: tuple[float, float] | None = None  # when, and what was done then
        self.kept = 0

    def __call__(self, step: Step) -> None:
        """Show the step, if the last one shown is half a second old."""
        now = time.monotonic()
        if self.start is None:
            self.start = now, step.done
            self.kept = ceil(STATES * step.done - 1e-9) - 1
        due = int(STATES * step.done + 1e-9) > self.kept and step.done < 1
        if now - self.last < EVERY and step.done < 1 and not due:
            return
        image = step.image
        assert image is not None  # a picture is painted
        if due:
            self.kept = int(STATES * step.done + 1e-9)
            self._keep(image, step.number)
        began, before = self.start
        left = (now - began) * (1 - step.done) / (step.done - before) if step.done > before else None
        self.send(
            {
                "step": step.number,
                "steps": step.steps,
                "level": step.level,
                "levels": step.levels,
                "size": step.size,
                "losses": dict(step.losses),
                "done": step.done,
                "left": left,
                "kept": self.kept,
                "picture": self._jpeg(image),
            }
        )
        self.last = time.monotonic()

    def _keep(self, image: Image.Image, number: int) -> None:
        out = io.BytesIO()
        image.save(out, "png", compress_level=1)
        write(self.folder / f"state_{number:05d}.png", out.getvalue())

    def _jpeg(self, image: Image.Image) -> bytes:
        image.thumbnail((LIVE, LIVE), Image.Resampling.BILINEAR, reducing_gap=1.0)
        if self.photograph is not None:
            image = self._recoloured(image, self.photograph)
        out = io.BytesIO()
        image.save(out, "jpeg", quality=85)
        return out.getvalue()

    def _recoloured(self, image: Image.Image, photograph: Path) -> Image.Image:
        """Return the picture with the colours that its photograph has, as `color=keep_luminance` leaves it."""
        size = image.height, image.width
        if self.colours is None or image_io.size_of(self.colours) != size:
            self.colours = image_io.resize(image_io.load(photograph).rgb, size)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
        kept = color.keep_luminance(pixels, self.colours)[0].clamp(0, 1)
        return Image.fromarray((kept.permute(1, 2, 0) * 255).round().byte().numpy())


def thumbnail(folder: Path) -> None:
    """Leave a small copy of a run's picture beside it, where there is a picture."""
    for name in (image_job.FINAL, image_job.PARTIAL):
        if (folder / name).is_file():
            with Image.open(folder / name) as image:
                small = image.convert("RGB")
            small.thumbnail((THUMBNAIL, THUMBNAIL))
            out = io.BytesIO()
            small.save(out, "jpeg", quality=85)
            write(folder / "thumbnail.jpg", out.getvalue())
            return


def paint_grid(send: Send, cells: Sequence[Sequence[str]], folder: Path) -> None:
    """Paint several small pictures one after the other; tell the number of each that is done.

    Args:
        send: Takes the numbers.
        cells: The words of each.
        folder: The folder of their runs, `0`, `1`, ...
    """
    quick: Mapping[str, Any] = {"judge": "none", "logger": "none", "timelapse": "none", "checkpoint": "none"}
    status.write(folder, "running")
    for number, words in enumerate(cells):
        api.paint(overrides=[*words, *(f"{key}={value}" for key, value in quick.items())], folder=folder / f"{number}",
                  progress=False)  # fmt: skip
        with Image.open(folder / f"{number}" / image_job.FINAL) as image:
            image.convert("RGB").save(folder / f"cell_{number}.jpg", quality=85)
        send({"cells": number + 1, "done": (number + 1) / len(cells)})
    status.write(folder, "finished")
