"""The time-lapse of a run: an animated WebP or GIF of the picture while it is made, or MP4 with the extra `video`."""

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from PIL import Image
from torch import Tensor

from nst.data import image_io, video
from nst.methods.image_module import ImageModule
from nst.utils.errors import check_choice
from nst.utils.files import write

FORMATS = ("webp", "gif", "mp4")


class TimeLapse(Callback):
    """Collect frames, small copies of the picture, over all levels, and write them as an animation.

    Args:
        frames: The most that are kept; whenever there are more, every second one is dropped.
        edge: Longest edge of a frame, pixels, rounded to an even number; smaller levels are enlarged to it.
        seconds: Duration, without the last frame, which stays for a quarter of it.
        formats: Of `webp`, `gif` and `mp4`.

    Raises:
        ValueError: A number is too small, a format is unknown, or `mp4` is asked for without the extra.
    """

    def __init__(self, *, frames: int, edge: int, seconds: float, formats: Sequence[str]) -> None:
        if frames < 2 or edge < 2 or seconds <= 0:
            raise ValueError(
                f"timelapse has frames {frames}, edge {edge}, seconds {seconds:g}; give 2, 2 and more than 0"
            )
        self.formats = [check_choice("timelapse.formats", name, FORMATS) for name in formats]
        if "mp4" in self.formats:
            video.require(", or use timelapse=webp")
        self.limit, self.edge, self.seconds = frames, edge, seconds
        self.frames: list[Tensor] = []  # (h, w, 3), uint8; those of the level that is running on its device
        self.size: tuple[int, int] | None = None  # of every frame, though the shapes of the levels differ by rounding
        self.every = 1
        self.seen = 0

    def on_train_start(self, trainer: Trainer, module: ImageModule) -> None:  # type: ignore[override]
        """Add the start image of the first level."""
        if not self.frames:
            self._add(module)

    def on_train_batch_end(self, trainer: Trainer, module: ImageModule, *args: Any) -> None:  # type: ignore[override]
        """Add a frame, if it is due; if there are too many, drop every second one and add half as many from now on."""
        self.seen += 1
        if self.seen % self.every == 0:
            self._add(module)
            if len(self.frames) > self.limit:
                self.frames = self.frames[::2]
                self.every *= 2

    def on_train_end(self, trainer: Trainer, module: ImageModule) -> None:  # type: ignore[override]
        """Add the result of a level, which may be the average of its steps, unless the last frame already shows it."""
        self._add(module)
        self._fetch()
        if len(self.frames) > 1 and torch.equal(self.frames[-1], self.frames[-2]):
            self.frames.pop()

    def state_dict(self) -> dict[str, Any]:
        """Return the frames so far, (N, h, w, 3), uint8, and what the next ones depend on."""
        self._fetch()
        frames = torch.stack(self.frames) if self.frames else None
        return {"frames": frames, "size": self.size, "every": self.every, "seen": self.seen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Set what `state_dict` returned."""
        self.frames = [] if state["frames"] is None else list(state["frames"])
        self.size, self.every, self.seen = state["size"], state["every"], state["seen"]

    @torch.no_grad()
    def _add(self, module: ImageModule) -> None:
        image = module.image().detach().float()
        if self.size is None:
            size = image_io.size_of(image)
            self.size = image_io.fit(size, self.edge, by="longest", multiple=2)  # even: H.264 needs it
        frame = (image_io.resize(image, self.size)[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0)
        self.frames.append(frame.contiguous())

    def _fetch(self) -> None:
        """Take the frames from the device, all at once: the host waits for it."""
        self.frames = [frame.cpu() for frame in self.frames]

    def save(self, folder: Path) -> None:
        """Write `timelapse.<format>` into a folder for every format, if a step was taken."""
        if len(self.frames) < 2:
            return
        for name in self.formats:
            data = self._mp4() if name == "mp4" else self._animation(name)
            write(folder / f"timelapse.{name}", data)

    def _animation(self, name: str) -> bytes:
        pictures = [Image.fromarray(frame.numpy()) for frame in self.frames]
        if name == "gif":
            pictures = [picture.quantize(128, method=Image.Quantize.MEDIANCUT) for picture in pictures]
        each = round(1000 * self.seconds / len(pictures))
        durations = [each] * (len(pictures) - 1) + [round(250 * self.seconds)]
        options = {"quality": 70, "method": 3} if name == "webp" else {"optimize": False}
        out = io.BytesIO()
        pictures[0].save(out, name, save_all=True, append_images=pictures[1:], duration=durations, loop=0, **options)
        return out.getvalue()

    def _mp4(self) -> bytes:
        out = io.BytesIO()
        rate = Fraction(max(1, round(len(self.frames) / self.seconds)))
        rest = [self.frames[-1]] * max(1, round(rate * self.seconds / 4))
        video.write_mp4(out, [frame.numpy() for frame in (*self.frames, *rest)], rate=rate, crf=20)
        return out.getvalue()
