"""Videos, frame by frame; needs the extra `video` (PyAV)."""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

EXTENSIONS = {".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mpeg"}


def is_video(path: Path) -> bool:
    """Tell whether a file's extension is a video's."""
    return path.suffix.lower() in EXTENSIONS


def require(advice: str = "") -> Any:
    """Return the module `av`.

    Args:
        advice: What else the user can do, added to the error.

    Raises:
        ValueError: PyAV is not installed.
    """
    try:
        import av
    except ModuleNotFoundError:
        raise ValueError(f"videos need PyAV: pip install 'nst[video]'{advice}") from None
    return av


def write_mp4(target: Path | BinaryIO, frames: Iterable[np.ndarray], *, rate: Fraction, crf: int) -> None:
    """Encode frames as MP4 (H.264).

    Args:
        target: A file.
        frames: RGB, (h, w, 3) of 8 bits; h and w are even and the same for all.
        rate: Frames per second.
        crf: Constant rate factor of x264: less is better quality and a larger file.
    """
    av = require()
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise ValueError("there is no frame to write; give a video with pictures")
    with av.open(str(target) if isinstance(target, Path) else target, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf), "preset": "fast"})
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in chain([first], frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def convert(
    source: Path,
    target: Path,
    change: Callable[[Tensor], Tensor],
    *,
    batch: int,
    progress: Callable[[float], None],
) -> None:
    """Change every frame of a video and write them as MP4, atomically; the sound is left out.

    Args:
        source: The video.
        target: The MP4 to write.
        change: Images (N, 3, H, W) in [0, 1] -> images (N, 3, h, w) in [0, 1].
        batch: Frames changed at once.
        progress: Called with the fraction of the frames that are done.

    Raises:
        ValueError: PyAV is not installed, the source is not a video, or the target is not an MP4.
    """
    av = require()
    if target.suffix.lower() != ".mp4":
        raise ValueError(f"output={target} is no .mp4; videos are written as MP4")
    part = target.with_name(f".{target.stem}.part.mp4")
    try:
        with av.open(str(source)) as film:
            if not film.streams.video:
                raise ValueError(f"{source} holds no pictures; give a video")
            stream = film.streams.video[0]
            frames = _counted(_changed(film, stream, change, batch), stream.frames, progress)
            write_mp4(part, frames, rate=Fraction(stream.average_rate or 25), crf=18)
        part.replace(target)
    except av.FFmpegError as error:
        raise ValueError(f"{source} is not a complete video ({error}); give one that plays") from None
    finally:
        part.unlink(missing_ok=True)


def _counted(frames: Iterable[np.ndarray], count: int, progress: Callable[[float], None]) -> Iterator[np.ndarray]:
    for number, frame in enumerate(frames, start=1):
        yield frame
        progress(min(1.0, number / count) if count else 0.0)


def _changed(film: Any, stream: Any, change: Callable[[Tensor], Tensor], batch: int) -> Iterator[np.ndarray]:
    frames: list[np.ndarray] = []
    for frame in film.decode(stream):
        frames.append(frame.to_ndarray(format="rgb24"))
        if len(frames) == batch:
            yield from _changed_batch(frames, change)
            frames = []
    if frames:
        yield from _changed_batch(frames, change)


def _changed_batch(frames: list[np.ndarray], change: Callable[[Tensor], Tensor]) -> Iterator[np.ndarray]:
    images = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float() / 255
    out = (change(images) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    height, width = out.shape[1] // 2 * 2, out.shape[2] // 2 * 2  # even: H.264 needs it
    yield from np.ascontiguousarray(out[:, :height, :width])
