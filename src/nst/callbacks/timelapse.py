"""The time-lapse of a run: how the picture came to be, as an animated WebP or GIF, or MP4 with the extra `video`."""

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, Trainer
from PIL import Image

from nst.data import image_io, video
from nst.losses.base import check_choice
from nst.methods.image_module import ImageModule
from nst.utils.files import write

FORMATS = ("webp", "gif", "mp4")


class TimeLapse(Callback):
    """Keep small copies of the picture while it is made, over all levels.

    Args:
        frames: How many at most; with more steps than that every second, third ... is kept.
        edge: Longest edge of a frame, pixels; smaller levels are enlarged to it.
        seconds: How long it plays, the last picture's rest (a quarter) not counted.
        formats: Of `webp`, `gif` and `mp4`.

    Raises:
        ValueError: A number is too small, a format is none, or `mp4` without its extra.
    """

    def __init__(self, *, frames: int, edge: int, seconds: float, formats: Sequence[str]) -> None:
        if frames < 2 or edge < 2 or seconds <= 0:
            raise ValueError(
                f"timelapse has frames {frames}, edge {edge}, seconds {seconds:g}; give 2, 2 and more than 0"
            )
        self.formats = [check_choice("timelapse.formats", name, FORMATS) for name in formats]
        if "mp4" in self.formats:
            video.require(", or use timelapse=webp")
        self.most, self.edge, self.seconds = frames, edge, seconds
        self.frames: list[np.ndarray] = []
        self.size: tuple[int, int] | None = None  # of every frame: levels differ by a rounding
        self.every = 1
        self.seen = 0

    def on_train_start(self, trainer: Trainer, module: ImageModule) -> None:  # type: ignore[override]
        """Begin with what the run starts from."""
        if not self.frames:
            self._take(module)

    def on_train_batch_end(self, trainer: Trainer, module: ImageModule, *args: Any) -> None:  # type: ignore[override]
        """Keep a frame where one is due; where there are too many, forget every second one."""
        self.seen += 1
        if self.seen % self.every == 0:
            self._take(module)
            if len(self.frames) > self.most:
                self.frames = self.frames[::2]
                self.every *= 2

    def on_train_end(self, trainer: Trainer, module: ImageModule) -> None:  # type: ignore[override]
        """End a level with the picture that it leaves, which may be an average and no step's own."""
        self._take(module)
        if len(self.frames) > 1 and np.array_equal(self.frames[-1], self.frames[-2]):
            self.frames.pop()

    def state_dict(self) -> dict[str, Any]:
        """Give the frames so far, (N, h, w, 3) of 8 bits."""
        frames = torch.from_numpy(np.stack(self.frames)) if self.frames else None
        return {"frames": frames, "size": self.size, "every": self.every, "seen": self.seen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with frames."""
        self.frames = [] if state["frames"] is None else list(state["frames"].numpy())
        self.size, self.every, self.seen = state["size"], state["every"], state["seen"]

    def _take(self, module: ImageModule) -> None:
        image = module.image().detach().float()
        if self.size is None:
            size = image_io.size_of(image)
            self.size = image_io.fit(size, self.edge, by="longest", multiple=2)  # even: H.264 needs it
        frame = (image_io.resize(image, self.size)[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
        self.frames.append(frame)

    def save(self, folder: Path) -> None:
        """Write `timelapse.<format>` for every format; nothing without a step."""
        if len(self.frames) < 2:
            return
        for name in self.formats:
            data = self._film() if name == "mp4" else self._animation(name)
            write(folder / f"timelapse.{name}", data)

    def _animation(self, name: str) -> bytes:
        pictures = [Image.fromarray(frame) for frame in self.frames]
        if name == "gif":
            pictures = [picture.quantize(128, method=Image.Quantize.MEDIANCUT) for picture in pictures]
        each = round(1000 * self.seconds / len(pictures))
        durations = [each] * (len(pictures) - 1) + [round(250 * self.seconds)]
        options = {"quality": 70, "method": 3} if name == "webp" else {"optimize": False}
        out = io.BytesIO()
        pictures[0].save(out, name, save_all=True, append_images=pictures[1:], duration=durations, loop=0, **options)
        return out.getvalue()

    def _film(self) -> bytes:
        out = io.BytesIO()
        rate = Fraction(max(1, round(len(self.frames) / self.seconds)))
        rest = [self.frames[-1]] * max(1, round(rate * self.seconds / 4))
        video.write_mp4(out, [*self.frames, *rest], rate=rate, crf=20)
        return out.getvalue()
