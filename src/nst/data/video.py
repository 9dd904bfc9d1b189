"""What is a video, and plain MP4 files of given frames; needs the extra `video` (PyAV)."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

EXTENSIONS = {
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".3gp"),
    *(".ogv", ".ogm", ".nut", ".asf", ".vob", ".3g2", ".f4v", ".mxf", ".qt", ".divx", ".mk3d", ".rm", ".rmvb"),
}


def is_video(path: Path) -> bool:
    """Tell whether a file's extension is a video's."""
    return path.suffix.lower() in EXTENSIONS


def videos_in(folder: Path) -> list[Path]:
    """Return the files of a folder and its subfolders that have a video's extension, sorted."""
    return sorted(file for file in folder.rglob("*") if is_video(file) and file.is_file())


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


def repeatable() -> dict[str, str]:
    """Return options of libx264 with which equal frames become equal bytes, on a busy machine too.

    Of its AVX-512 code the macroblock trees differ from run to run (one film in five beside other programs, PyAV 18);
    its AVX2 code repeats itself.
    """
    capabilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # older PyTorch doesn't say
    return {"x264-params": "asm=avx2"} if capabilities.get("avx512_f") else {}


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
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf), "preset": "fast"} | repeatable())
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in chain([first], frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
