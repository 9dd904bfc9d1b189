"""A film written frame by frame, with the sound and the subtitles of another one; what is done outlives the process."""

import heapq
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor

from nst.data import video
from nst.data.film import ACCURATE, BT601, LIMITED, UNKNOWN, Colours, Film, Frame, matrix_of, untagged_space
from nst.utils.files import load_weights_only, read_json, write

TRIED_FRAMES, TRIED_PACKETS = 8, 64  # of a trial of a container: enough for it to be recognised
SEGMENT = 48  # frames of a piece of the encoded film, which begins with a whole picture
CODECS = {
    "libx264": {"crf": "18", "preset": "fast", "bf": "0"},  # bf: pictures lie in the order of their time stamps
    "libvpx-vp9": {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1", "lag-in-frames": "0"},
    "libvpx": {"crf": "6", "b": "50M", "deadline": "good", "cpu-used": "4", "lag-in-frames": "0"},
    "mpeg4": {"qmin": "2", "qmax": "3", "bf": "0"},
    "msmpeg4v3": {"qmin": "2", "qmax": "3", "bf": "0"},
    "mpeg2video": {"qmin": "2", "qmax": "3", "bf": "0", "flags": "+low_delay"},
}
"""Encoder -> its options."""
NAMES = {
    "libx264": "H.264",
    "libvpx-vp9": "VP9",
    "libvpx": "VP8",
    "mpeg4": "MPEG-4",
    "msmpeg4v3": "MS-MPEG-4",
    "mpeg2video": "MPEG-2",
}
COPIED = ("audio", "subtitle")
MODERN = ("libx264", "libvpx-vp9")
TIMED = {
    **dict.fromkeys((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".nut"), MODERN),
    **dict.fromkeys((".ts", ".mts", ".m2ts", ".flv", ".f4v", ".3gp", ".3g2"), ("libx264",)),
    **dict.fromkeys((".wmv", ".asf"), ("msmpeg4v3",)),
}
"""Extension of a container that keeps the time stamp of every frame -> encoders; the first that it takes is used."""
PACED = {
    ".avi": ("mpeg4",),  # FFmpeg reads H.264 in AVI and ASF a frame late
    ".ogv": ("libvpx",),
    **dict.fromkeys((".mpg", ".mpeg", ".vob"), ("mpeg2video",)),
}
"""Likewise of a container that holds one frame rate."""
OWN_METADATA = {"major_brand", "minor_version", "compatible_brands", "encoder"}


@dataclass(frozen=True)
class Pace:
    """An even frame rate.

    Attributes:
        rate: Frames a second.
        start: Time of the first frame, seconds.
    """

    rate: Fraction
    start: Fraction

    def number(self, time: Fraction) -> int:
        """Return the time stamp of a frame in units of 1 / rate, for its time in seconds."""
        return round(self.start * self.rate) + round((time - self.start) * self.rate)


def options_of(codec: str) -> dict[str, str]:
    """Return an encoder's options."""
    return CODECS[codec] | (video.repeatable() if codec == "libx264" else {})


def output_suffix(source: Path) -> str:
    """Return the extension of a film made of another one: its own if that is common, else Matroska's."""
    suffix = source.suffix.lower()
    return suffix if suffix in (".mp4", ".m4v", ".mov", ".mkv", ".webm") else ".mkv"


def comment_of(path: Path) -> str:
    """Return the comment that a film holds; nothing where there is none, or the file can't be read."""
    try:
        with video.require().open(str(path)) as container:
            tags = {key.lower(): value for key, value in container.metadata.items()}
    except (ValueError, OSError):
        return ""
    return str(tags.get("comment", ""))


def pace_of(film: Film, target: Path) -> Pace | None:
    """Return the even frame rate of a film for a container that holds no other; None for one that keeps time stamps.

    Raises:
        ValueError: The container is unknown, or the frames come at varying times.
    """
    if target.suffix.lower() in TIMED:
        return None
    if target.suffix.lower() not in PACED:
        raise ValueError(f"output={target} is no container of films; give one of {', '.join([*TIMED, *PACED])}")
    times = film.times()
    tagged = film.rates()
    if len(times) > 1 and times[-1] > times[0]:  # a tag may be wrong
        mean = (len(times) - 1) / (times[-1] - times[0])
        tagged += [mean.limit_denominator(1001), mean]
    for rate in tagged:
        steps = [(time - times[0]) * rate for time in times]
        if all(abs(step - number) < 0.25 for number, step in enumerate(steps)):
            return Pace(rate, times[0])
    raise ValueError(
        f"output={target} holds one even frame rate, but the frames of {film.path} come at varying times; "
        f"give output={target.stem}.mkv, which keeps them"
    )


def codec_for(film: Film, target: Path, rate: Fraction) -> str:
    """Return the encoder for a file, which must also hold the sound and the subtitles of the film.

    Args:
        film: The film.
        target: The file.
        rate: Frames a second.

    Raises:
        ValueError: The container holds no such pictures, or not this sound or these subtitles.
    """
    codecs = {**TIMED, **PACED}[target.suffix.lower()]
    reason = f"it takes no {' or '.join(NAMES[codec] for codec in codecs)} of {float(rate):.5g} frames a second"
    for codec in codecs:
        for copies in (False, True):
            try:
                _try(film, target, codec, rate, copies=copies)
            except (film.av.FFmpegError, ValueError):
                if copies:
                    reason = f"it can't hold this film's sound or subtitles ({', '.join(_copied_codecs(film))})"
                break
        else:
            return codec
    raise ValueError(f"output={target} can't be written: {reason}; give output={target.stem}.mkv")


def _try(film: Film, target: Path, codec: str, rate: Fraction, *, copies: bool) -> None:
    """Write a small film of the kind, with the beginning of the sound and subtitles.

    Raises:
        FFmpegError: The container takes no such stream.
        ValueError: It says that it does, but the stream can't be read back.
    """
    # Windows can't delete a file that is open, as one is whose header could not be written
    temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with temporary as folder, film.av.open(str(film.path)) as source:
        file, kept = Path(folder) / f"a{target.suffix}", _copied(source) if copies else []
        with film.av.open(str(file), "w") as out:
            stream = out.add_stream(codec, rate=rate, options=options_of(codec))
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            taken = {one.index: out.add_stream_from_template(one) for one in kept}
            out.start_encoding()
            if not kept:
                return
            for _ in range(TRIED_FRAMES):
                out.mux(stream.encode(film.av.VideoFrame(64, 64, "yuv420p")))
            out.mux(stream.encode())
            for packet in islice(source.demux(kept), TRIED_PACKETS):
                if packet.dts is not None:
                    packet.stream = taken[packet.stream.index]
                    out.mux(packet)
        with film.av.open(str(file)) as back:
            read = [one.codec_context and one.codec_context.name for one in _copied(back)]
        if read != [one.codec_context.name for one in kept]:
            raise ValueError(f"{target.suffix} gives {read} back")


def _copied(container: Any) -> list[Any]:
    return [stream for stream in container.streams if stream.type in COPIED]


def _copied_codecs(film: Film) -> list[str]:
    with film.av.open(str(film.path)) as source:
        return [stream.codec_context.name for stream in _copied(source)]


class FilmWriter:
    """Writes a film frame by frame; the frames lie in a folder beside it until the last one is there.

    A frame is a file as soon as it is given, and every `SEGMENT` frames become a piece of encoded film, so little is in
    memory and on the disk. Whoever is asked for the same film again goes on with what is there.

    Args:
        film: The film that it is made of; gives time stamps, colours, sound and subtitles.
        target: The file to write.
        asked: What the frames depend on, plain: only frames of an equal request are used.
        comment: Says in the file what made it, where the film has no comment of its own.

    Attributes:
        done: Frames that were there.
        outdated: Whether frames of another request were there, which are removed.

    Raises:
        ValueError: The container can't hold the film, or another process writes it.
    """

    def __init__(self, film: Film, target: Path, asked: Mapping[str, Any], *, comment: str = "") -> None:
        self.film, self.target, self.comment = film, target, comment
        self.pace = pace_of(film, target)
        self.rate = self.pace.rate if self.pace else film.about.rate
        self.time_base = 1 / self.rate if self.pace else film.about.time_base
        self.codec = codec_for(film, target, self.rate)
        self.folder = target.with_name(f".{target.name}.parts")
        self.folder.mkdir(exist_ok=True)
        self.lock = FileLock(self.folder / "lock")
        try:
            self.lock.acquire(timeout=0)
        except Timeout:
            raise ValueError(f"another process writes {target}; give another output=") from None
        found = film.path.stat()
        about = {**asked, "source": [str(film.path.resolve()), found.st_size, found.st_mtime_ns], "codec": self.codec}
        about = json.loads(json.dumps(about, sort_keys=True))
        self.outdated = (self.folder / "about.json").is_file() and read_json(self.folder / "about.json") != about
        if self.outdated:
            for path in self.folder.iterdir():
                if path.name != "lock":
                    path.unlink()
        write(self.folder / "about.json", json.dumps(about).encode())
        frames = [int(path.stem) + 1 for path in self.folder.glob("*.npy")]
        self.done = max([SEGMENT * len(list(self.folder.glob("*.nut"))), *frames])
        self.stamps: dict[int, tuple[int, int]] = {}

    def read(self, number: int) -> np.ndarray:
        """Return a frame that was given, (h, w, 3); only the last one and those since the last piece are kept."""
        pixels: np.ndarray = np.load(self.folder / f"{number:09d}.npy")
        return pixels

    def memory(self) -> dict[str, Tensor]:
        """Return what was given with the last frame that was there; nothing where there is none."""
        path = self.folder / f"{self.done - 1:09d}.pt"
        return dict(load_weights_only(path)) if path.is_file() else {}

    def add(self, frame: Frame, pixels: np.ndarray | None, memory: Mapping[str, Tensor] | None = None) -> None:
        """Take the next frame.

        Args:
            frame: The frame that it is made of.
            pixels: (h, w, 3) of 8 or 16 bits; None for one that is there.
            memory: What whoever goes on after this frame has to know.
        """
        if pixels is not None:
            if memory:  # first: a frame that is there has its memory
                torch.save(dict(memory), self.folder / f"{frame.number:09d}.pt")
            part = (
                self.folder / "frame.part"
            )  # renamed when it is whole; not put on the disk at once, which takes 30 ms
            with part.open("wb") as file:
                np.save(file, pixels)
            part.replace(self.folder / f"{frame.number:09d}.npy")
            (self.folder / f"{frame.number - 1:09d}.pt").unlink(missing_ok=True)
        self.stamps[frame.number] = (frame.time, frame.duration)
        if len(self.stamps) == SEGMENT:
            self._encode()

    def finish(self) -> None:
        """Write the film, and remove the folder.

        Raises:
            ValueError: There is no frame.
        """
        if self.stamps:
            self._encode()
        part = self.folder / f"film{self.target.suffix}"
        self._mux(part)
        part.replace(self.target)
        self.lock.release()
        shutil.rmtree(self.folder)

    def close(self) -> None:
        """Let another process go on."""
        self.lock.release()

    def _encode(self) -> None:
        """Make a piece of film of the frames since the last one, and keep of them the last alone."""
        numbers = sorted(self.stamps)
        piece = self.folder / f"{numbers[0] // SEGMENT:09d}.nut"
        if not piece.is_file():
            part = piece.with_suffix(".part")
            with self.film.av.open(str(part), "w", format="nut") as out:
                stream = self._stream(out, self.read(numbers[0]))
                for number in numbers:
                    for packet in stream.encode(self._frame(number, stream.pix_fmt)):
                        out.mux(packet)
                for packet in stream.encode():
                    out.mux(packet)
            part.replace(piece)
        for path in self.folder.glob("*.npy"):
            if int(path.stem) < numbers[-1]:
                path.unlink()
        self.stamps = {}

    def _stream(self, out: Any, pixels: np.ndarray) -> Any:
        about, colours = self.film.about, self._colours(pixels)
        stream = out.add_stream(self.codec, rate=self.rate, options=options_of(self.codec))
        context = stream.codec_context
        stream.height, stream.width = (length // 2 * 2 for length in pixels.shape[:2])  # 4:2:0 has even edges
        deep = pixels.dtype == np.uint16 and self.codec == "libx264"
        stream.pix_fmt = "yuv420p10le" if deep else "yuv420p"
        stream.time_base = context.time_base = self.time_base
        context.sample_aspect_ratio = about.aspect
        context.colorspace, context.color_range = colours.space, colours.range
        context.color_primaries, context.color_trc = colours.primaries, colours.transfer
        if not self.pace:  # containers of one rate have the parameters in the stream, before each whole picture
            context.flags |= self.film.av.codec.context.Flags.global_header
        return stream

    def _colours(self, pixels: np.ndarray) -> Colours:
        """Return the film's colours, or those that players take pixels for whose codec has no tags."""
        colours = self.film.about.colours
        if self.codec in MODERN:
            return colours
        if self.codec == "mpeg2video":  # has no tag for the range alone
            return replace(colours, range=LIMITED)
        height, width = pixels.shape[:2]
        space = BT601 if self.codec == "libvpx" else untagged_space(height, width)
        return Colours(space, LIMITED, UNKNOWN, UNKNOWN)

    def _frame(self, number: int, kind: str) -> Any:
        pixels, about = self.read(number), self.film.about
        height, width = (length // 2 * 2 for length in pixels.shape[:2])
        raw = self.film.av.VideoFrame.from_ndarray(
            np.ascontiguousarray(pixels[:height, :width]), format="rgb48le" if pixels.dtype == np.uint16 else "rgb24"
        )
        frame = raw.reformat(format=kind, interpolation=ACCURATE, **matrix_of(self._colours(pixels), "dst"))
        frame.pts, frame.duration = self.stamps[number]
        if self.pace:
            frame.pts, frame.duration = self.pace.number(frame.pts * about.time_base), 1
        frame.time_base = self.time_base
        return frame

    def _mux(self, part: Path) -> None:
        """Join the pieces and what is copied, in the order of their times."""
        pieces = sorted(self.folder.glob("*.nut"))
        if not pieces:
            raise ValueError(f"{self.film.path} has no frame that can be read; give a video that plays")
        with self.film.av.open(str(self.film.path)) as source, self.film.av.open(str(part), "w") as out:
            own = {key: value for key, value in source.metadata.items() if key.lower() not in OWN_METADATA}
            out.metadata.update({"comment": self.comment, **own} if self.comment else own)
            with self.film.av.open(str(pieces[0])) as first:
                pictures = out.add_stream_from_template(first.streams.video[0])
            pictures.time_base = self.time_base
            copies = {}
            for stream in _copied(source):
                copies[stream.index] = copy = out.add_stream_from_template(stream)
                copy.time_base, copy.disposition = stream.time_base, stream.disposition
                copy.metadata.update(stream.metadata)
            if chapters := source.chapters():
                out.set_chapters(chapters)
            for _, packet in heapq.merge(
                self._pieces(pieces, pictures), self._copies(source, copies), key=lambda timed: timed[0]
            ):
                out.mux(packet)

    def _pieces(self, pieces: list[Path], stream: Any) -> Iterator[tuple[float, Any]]:
        for piece in pieces:
            with self.film.av.open(str(piece)) as container:
                for packet in container.demux(video=0):
                    if packet.dts is not None:
                        packet.stream = stream
                        yield float(packet.dts * packet.time_base), packet

    def _copies(self, source: Any, streams: Mapping[int, Any]) -> Iterator[tuple[float, Any]]:
        last = float("-inf")
        if not streams:
            return
        try:
            for packet in source.demux([source.streams[index] for index in streams]):
                if packet.size == 0:
                    continue
                packet.stream = streams[packet.stream.index]
                stamp = packet.pts if packet.dts is None else packet.dts
                last = last if stamp is None else float(stamp * packet.time_base)
                yield last, packet
        except self.film.av.FFmpegError:  # a damaged end; what could be read is kept
            return
