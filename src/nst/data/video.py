"""Videos, frame by frame, with the extra `video` (PyAV)."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

ENDINGS = {".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mpeg"}


def is_video(path: Path) -> bool:
    """Tell by a file's ending whether it is a video."""
    return path.suffix.lower() in ENDINGS


def paint(
    source: Path,
    target: Path,
    painted: Callable[[Tensor], Tensor],
    *,
    batch: int,
    done: Callable[[float], None],
) -> None:
    """Paint every frame of a video; the sound is left out.

    Args:
        source: The video.
        target: An MP4 (H.264) to write, under another name until it is whole.
        painted: Pictures (N, 3, H, W) in [0, 1] -> the same.
        batch: Frames painted at once.
        done: Called with the share of the frames that are done.

    Raises:
        ValueError: PyAV is not installed, or the file is no video.
    """
    av = _av()
    if target.suffix.lower() != ".mp4":
        raise ValueError(f"output={target} is no .mp4; videos are written as MP4")
    part = target.with_name(f".{target.stem}.part.mp4")
    try:
        with av.open(str(source)) as film, av.open(str(part), "w") as out:
            if not film.streams.video:
                raise ValueError(f"{source} holds no pictures; give a video")
            stream = film.streams.video[0]
            rate = Fraction(stream.average_rate or 25)
            written = out.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "fast"})
            written.pix_fmt = "yuv420p"
            for number, frame in enumerate(_painted(film, stream, painted, batch), start=1):
                if number == 1:
                    written.height, written.width = frame.shape[:2]
                out.mux(written.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
                done(min(1.0, number / stream.frames) if stream.frames else 0.0)
            out.mux(written.encode())
        part.replace(target)
    except av.FFmpegError as error:
        raise ValueError(f"{source} is no whole video ({error}); give one that plays") from None
    finally:
        part.unlink(missing_ok=True)


def _painted(film: Any, stream: Any, painted: Callable[[Tensor], Tensor], batch: int) -> Iterator[np.ndarray]:
    frames: list[np.ndarray] = []
    for frame in film.decode(stream):
        frames.append(frame.to_ndarray(format="rgb24"))
        if len(frames) == batch:
            yield from _batch(frames, painted)
            frames = []
    if frames:
        yield from _batch(frames, painted)


def _batch(frames: list[np.ndarray], painted: Callable[[Tensor], Tensor]) -> Iterator[np.ndarray]:
    image = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float() / 255
    out = (painted(image) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    height, width = out.shape[1] // 2 * 2, out.shape[2] // 2 * 2  # even: H.264 needs it
    yield from np.ascontiguousarray(out[:, :height, :width])


def _av() -> Any:
    try:
        import av
    except ModuleNotFoundError:
        raise ValueError("videos need PyAV: pip install 'nst[video]'") from None
    return av
