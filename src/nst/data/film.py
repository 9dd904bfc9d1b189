"""Films, frame by frame: upright, with the time stamp and the colours that the file says. Needs the extra `video`."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nst.data import video

ACCURATE = 0x4 | 0x2000 | 0x4000 | 0x40000
"""Flags of swscale: bicubic, full chroma in and out, accurate rounding. Its defaults are 3 of 255 off, these 1."""
UNKNOWN, BT709, BT601 = 2, 1, 6
LIMITED, FULL = 1, 2
MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
"""Code of a colour space -> swscale's code of its matrix."""
HD = (576, 1279)  # pixels; a film of more without a tag is BT.709, else BT.601, as players take it


@dataclass(frozen=True)
class Colours:
    """What the numbers of a film mean, in the codes of ITU-T H.273; the range as FFmpeg's, 1 limited and 2 full."""

    space: int
    range: int
    primaries: int
    transfer: int


@dataclass(frozen=True)
class About:
    """What a film is.

    Attributes:
        size: Upright (height, width), pixels.
        deep: Whether a channel has more than 8 bits.
        colours: Of its numbers; what the file leaves open is as players take it.
        time_base: Unit of the time stamps, seconds.
        rate: Frames a second, on average.
        aspect: Width of a pixel divided by its height.
        count: Frames, by what the file says; 0: unknown.
    """

    size: tuple[int, int]
    deep: bool
    colours: Colours
    time_base: Fraction
    rate: Fraction
    aspect: Fraction
    count: int


@dataclass(frozen=True)
class Frame:
    """A frame of a film.

    Attributes:
        number: From 0.
        pixels: RGB, (h, w, 3) of 8 or 16 bits, upright.
        time: Its time stamp in units of the film's time base, greater than that of the frame before.
        duration: Likewise; 0: unknown.
    """

    number: int
    pixels: np.ndarray
    time: int
    duration: int

    def image(self) -> Tensor:
        """Return RGB in [0, 1], (1, 3, h, w)."""
        return to_image(self.pixels)


def to_image(pixels: np.ndarray) -> Tensor:
    """Return RGB in [0, 1], (1, 3, h, w), of pixels (h, w, 3) of 8 or 16 bits."""
    scaled = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1)))[None]


def to_pixels(image: Tensor, *, deep: bool) -> np.ndarray:
    """Return the pixels (h, w, 3) of an image (1, 3, h, w) in [0, 1], rounded to 16 bits if deep, else to 8."""
    kind = np.uint16 if deep else np.uint8
    scaled = (image[0].detach().cpu().float().clamp(0, 1) * np.iinfo(kind).max).round()
    return np.ascontiguousarray(scaled.numpy().astype(kind).transpose(1, 2, 0))


class Film:
    """A film file, read from the start as often as it is asked for.

    Args:
        path: The file.

    Attributes:
        about: What it is.
        others: What it holds besides pictures, sound and subtitles: one word for each stream.
        lost: After `frames` has been read to its end, the frames that could not be read, as far as that is known.

    Raises:
        ValueError: PyAV is not installed, or there is no frame that can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.av = video.require()
        self.lost = 0
        try:
            with self.av.open(str(path)) as container:
                stream = self._stream(container)
                first = next(_decoded(self.av, container, stream, []), None)
                if first is None:
                    raise ValueError(f"{path} is not a complete video (no frame can be read); give one that plays")
                self.about = _about(container, stream, first)
                known = [*container.streams.audio, *container.streams.subtitles, stream]
                self.others = [one.type for one in container.streams if one not in known]
        except self.av.FFmpegError as error:
            reason = str(error).partition(": '")[0]
            raise ValueError(f"{path} is not a complete video ({reason}); give one that plays") from None

    def frames(self) -> Iterator[Frame]:
        """Yield every frame that can be read; what is damaged is left out and counted in `lost`."""
        skipped: list[int] = []
        number, last = 0, -(2**62)
        height, width = self.about.size
        with self.av.open(str(self.path)) as container:
            stream = self._stream(container)
            end = _end(stream)
            for frame in _decoded(self.av, container, stream, skipped):
                upright = _upright(_rgb(frame, self.about), _matrix(frame))
                if upright.shape[:2] != (height, width):
                    raise ValueError(f"{self.path} changes its size at frame {number}; cut it there")
                stamp = last + 1 if frame.pts is None else max(last + 1, frame.pts)
                last = stamp = max(stamp, 0) if number == 0 and frame.pts is None else stamp
                yield Frame(number, upright, stamp, int(frame.duration or 0))
                number += 1
            missing = max(0, round((end - (last + 1) * stream.time_base) * self.about.rate) - 1)
            skipped.extend(range(missing if missing > 1 else 0))
            self.lost = max(len(skipped), stream.frames - number) if skipped else 0

    def times(self) -> list[Fraction]:
        """Return the time stamps of the frames in seconds, in order, as the container tells them."""
        with self.av.open(str(self.path)) as container:
            stream = self._stream(container)
            packets = [packet for packet in container.demux(stream) if packet.size and not packet.is_discard]
            stamps = [packet.dts if packet.pts is None else packet.pts for packet in packets]
            return sorted(stamp * Fraction(stream.time_base) for stamp in stamps if stamp is not None)

    def rates(self) -> list[Fraction]:
        """Return the frame rates that the film may have if it has an even one, the likeliest first."""
        with self.av.open(str(self.path)) as container:
            stream = self._stream(container)
            found = (stream.base_rate, stream.guessed_rate, stream.average_rate, self.about.rate)
            return list(dict.fromkeys(Fraction(rate) for rate in found if rate))

    def damage(self, done: str) -> str | None:
        """Return one line about what could not be read, with what became of the rest; None for a whole film."""
        if not self.lost:
            return None
        return f"{self.path} is damaged: {self.lost} of its frames can't be read; {done}"

    def remark(self) -> str | None:
        """Return one line about streams that a film made of this one does not have, or None."""
        if not self.others:
            return None
        return f"{self.path} also holds streams of {', '.join(sorted(set(self.others)))}: they are left out"

    def _stream(self, container: Any) -> Any:
        cover = self.av.stream.Disposition.attached_pic
        found = [stream for stream in container.streams.video if not stream.disposition & cover]
        if not found:
            raise ValueError(f"{self.path} holds no pictures; give a video")
        return found[0]


def _decoded(av: Any, container: Any, stream: Any, skipped: list[int]) -> Iterator[Any]:
    """Yield decoded frames; for each packet that can't be decoded or is missing add an entry to `skipped`."""
    packets = 0
    try:
        for packet in container.demux(stream):
            packets += packet.size > 0
            try:
                frames = packet.decode()
            except av.FFmpegError:
                skipped.append(packets)
                continue
            for frame in frames:
                if frame.is_corrupt:
                    skipped.append(packets)
                yield frame
    except av.FFmpegError:  # the file ends in the middle; what the decoder still holds is whole
        yield from stream.decode(None)
    skipped.extend(range(packets, stream.frames))


def _end(stream: Any) -> Fraction:
    """Return where Matroska says that the pictures end, seconds; 0 where nothing is said."""
    hours, _, rest = stream.metadata.get("DURATION", "").partition(":")
    minutes, _, seconds = rest.partition(":")
    try:
        return 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds.strip("\0"))
    except ValueError:
        return Fraction(0)


def _about(container: Any, stream: Any, frame: Any) -> About:
    turned = _is_turned(_matrix(frame))
    size = (frame.width, frame.height) if turned else (frame.height, frame.width)
    aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
    rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
    seconds = stream.duration * stream.time_base if stream.duration else Fraction(container.duration or 0, 1000000)
    return About(
        size=size,
        deep=max(component.bits for component in frame.format.components) > 8,
        colours=_colours(stream.codec_context, frame),
        time_base=Fraction(stream.time_base),
        rate=rate,
        aspect=1 / aspect if turned else aspect,
        count=stream.frames or round(seconds * rate),
    )


def _colours(codec: Any, frame: Any) -> Colours:
    space, extent = int(frame.colorspace), int(frame.color_range)
    if frame.format.is_rgb or space not in MATRICES:  # pixels of RGB become those of any space
        space = BT709 if frame.format.is_rgb else untagged_space(frame.height, frame.width)
    if extent not in (LIMITED, FULL) or frame.format.is_rgb:
        extent = FULL if frame.format.name.startswith("yuvj") else LIMITED
    return Colours(space, extent, int(codec.color_primaries), int(codec.color_trc))


def untagged_space(height: int, width: int) -> int:
    """Return the colour space that players take a film for which has no tag, by its size in pixels."""
    return BT709 if height > HD[0] or width > HD[1] else BT601


def _rgb(frame: Any, about: About) -> np.ndarray:
    """Return the pixels of a decoded frame as they are stored, not yet upright."""
    source = {} if frame.format.is_rgb else matrix_of(about.colours, "src")
    kind = "rgb48le" if about.deep else "rgb24"
    pixels: np.ndarray = frame.reformat(format=kind, interpolation=ACCURATE, **source).to_ndarray()
    return pixels


def matrix_of(colours: Colours, end: str) -> dict[str, int]:
    """Return the arguments of PyAV's `reformat` for colours at one end of it, `src` or `dst`."""
    return {f"{end}_colorspace": MATRICES[colours.space], f"{end}_color_range": colours.range}


def _matrix(frame: Any) -> tuple[int, int, int, int]:
    """Return the display matrix (a, b, c, d): a stored pixel (x, y) is shown at (a x + c y, b x + d y)."""
    entry = frame.side_data.get("DISPLAYMATRIX")
    if entry is None:
        return 1, 0, 0, 1
    a, b, _, c, d, *_ = np.frombuffer(bytes(entry), np.int32).tolist()
    return a, b, c, d


def _is_turned(matrix: tuple[int, int, int, int]) -> bool:
    a, b, c, d = matrix
    return abs(b) + abs(c) > abs(a) + abs(d)


def _upright(pixels: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """Turn and mirror pixels by a display matrix, by the nearest multiple of 90 degrees."""
    a, b, c, d = matrix
    across, down = a, d
    if _is_turned(matrix):
        pixels, across, down = pixels.swapaxes(0, 1), c, b
    return np.ascontiguousarray(pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])
