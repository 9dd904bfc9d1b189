"""Films that the tests make: plain ones in every form, and moving ones whose true flow is known."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

ACCURATE = 0x46004  # flags of swscale: bicubic, full chroma, accurate rounding
av = pytest.importorskip("av")


def write(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    times: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 10240),
    codec: str = "libx264",
    kind: str = "yuv420p",
    space: int = 2,
    extent: int = 0,
    sound: bool = False,
    quality: str = "4",
) -> Path:
    """Write a film of RGB frames, (h, w, 3) of 8 or 16 bits; without times ten frames a second."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=10, options={"crf": quality, "preset": "fast"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.time_base, stream.codec_context.time_base = kind, time_base, time_base
        stream.codec_context.colorspace, stream.codec_context.color_range = space, extent
        audio = out.add_stream("aac", rate=48000, layout="mono") if sound else None
        for number, pixels in enumerate(frames):
            raw = av.VideoFrame.from_ndarray(pixels, format="rgb48le" if pixels.dtype == np.uint16 else "rgb24")
            tags = {"dst_colorspace": {1: 1, 9: 9}.get(space, 5), "dst_color_range": extent or 1}
            frame = raw.reformat(format=kind, interpolation=ACCURATE, **tags)
            frame.pts, frame.time_base = times[number] if times else number * 1024, time_base
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        if audio is not None:
            tone = np.sin(np.arange(4800 * len(frames)) * 0.06).astype(np.float32)[None] * 0.5
            for start in range(0, tone.shape[1], 1024):
                piece = av.AudioFrame.from_ndarray(np.ascontiguousarray(tone[:, start : start + 1024]), "fltp", "mono")
                piece.sample_rate, piece.pts, piece.time_base = 48000, start, Fraction(1, 48000)
                out.mux(audio.encode(piece))
            out.mux(audio.encode())
    return path


def plain(count: int, height: int = 32, width: int = 48) -> list[np.ndarray]:
    """Frames of one grey each, which gets lighter, with a red corner at the top left."""
    frames = [np.full((height, width, 3), 40 + 200 * n // max(1, count - 1), np.uint8) for n in range(count)]
    for frame in frames:
        frame[: height // 4, : width // 4] = (220, 30, 30)
    return frames


def packets(path: Path, kind: str) -> list[tuple[float, bytes]]:
    """(seconds, bytes) of the packets of the first stream of a kind."""
    with av.open(str(path)) as film:
        stream = next(one for one in film.streams if one.type == kind)
        return [(float(one.pts * one.time_base), bytes(one)) for one in film.demux(stream) if one.size]


def shown(path: Path) -> list[tuple[float, np.ndarray]]:
    """(seconds, RGB) of every frame, as a player that follows the tags shows them, but not turned."""
    with av.open(str(path)) as film:
        frames = film.decode(video=0)
        return [(one.time, one.reformat(format="rgb24", interpolation=ACCURATE).to_ndarray()) for one in frames]


def texture(height: int, width: int, *, seed: int = 0) -> np.ndarray:
    """A smooth random colour texture, (h, w, 3) in [0, 1]."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    values = sum(gaussian_filter(rng.normal(size=(height, width, 3)), (s, s, 0), mode="wrap") * s for s in (1.5, 4, 10))
    return (values - values.min()) / np.ptp(values)


def _sampled(image: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    from scipy.ndimage import map_coordinates

    channels = [map_coordinates(image[..., c], [y, x], order=3, mode="wrap") for c in range(3)]
    return (np.stack(channels, -1).clip(0, 1) * 255).round().astype(np.uint8)


def moving(kind: str, count: int, size: tuple[int, int] = (64, 96)) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Frames of a `pan`, a `zoom` or a disc that `crosses` a still background; and the true flows.

    The flow number t - 1, (2, h, w) in pixels, x and y, leads from frame t to frame t - 1.
    """
    height, width = size
    y, x = np.mgrid[:height, :width].astype(float)
    ground, thing = texture(height + 64, width + 64), texture(height, width, seed=1)
    frames, flows = [], []
    for t in range(count):
        if kind == "pan":
            frames.append(_sampled(ground, y + 0.75 * t, x + 2 * t))
            flow = np.stack([np.full(size, 2.0), np.full(size, 0.75)])
        elif kind == "zoom":
            cy, cx = height / 2, width / 2
            frames.append(_sampled(ground, cy + (y - cy) * 0.98**t, cx + (x - cx) * 0.98**t))
            flow = np.stack([(x - cx) * -0.02, (y - cy) * -0.02])
        else:
            at = width * 0.2 + 3 * t
            disc = (y - height / 2) ** 2 + (x - at) ** 2 < (height / 4) ** 2
            frames.append(np.where(disc[..., None], _sampled(thing, y, x - 3 * t), _sampled(ground, y, x)))
            flow = np.stack([np.where(disc, -3.0, 0.0), np.zeros(size)])
        flows.append(flow.astype(np.float32))
    return frames, flows[1:]
