"""Winograd's steps in C: compiled once on each machine, by its own compiler."""

import ctypes
import hashlib
import logging
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import torch

from nst.files import cache_folder

log = logging.getLogger("nst")
SOURCE = Path(__file__).with_name("winograd.c")
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-O3", "-fopenmp", "-shared", "-fPIC")
AVX2 = ("-mavx2", "-mfma")
INSTRUCTIONS = {"AVX2": AVX2, "AVX512": (*AVX2, "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl")}
"""By torch's word for what the processor has; a cache that unlike machines share holds a library for each."""
LONGEST = 60  # seconds of the compiler; it takes one

long, pointer, number = ctypes.c_long, ctypes.c_void_p, ctypes.c_int
SIZES = (long, long, long, long, long, number, number)  # height, width, channels, first, rows, turned, threads


@cache
def library() -> ctypes.CDLL | None:
    """Return the compiled steps, or None: not on Linux, or nothing compiles here, which is told once in one line."""
    if platform.system() != "Linux":
        return None  # measured there alone
    try:
        steps = _loaded(_compiled())
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("warning: a step with VGG takes up to 1.9 times as long as it could: %s", _reason(error))
        return None
    steps.frequencies.argtypes = [pointer, pointer, pointer, *SIZES]
    steps.outputs.argtypes = [pointer, pointer, ctypes.c_float, pointer, *SIZES[:-1], number]
    steps.frequencies.restype = steps.outputs.restype = None
    return steps


def _loaded(path: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(path))
    except OSError:
        path.unlink(missing_ok=True)  # half a file, after the machine fell: the next run compiles it anew
        raise


def _compiled() -> Path:
    """Return the library's file, made where it isn't there: whole or not at all, whoever else makes it."""
    command = [*_compiler(), *FLAGS, *INSTRUCTIONS.get(torch.backends.cpu.get_cpu_capability(), ())]
    version = platform.machine(), platform.libc_ver(), command
    name = hashlib.sha256(SOURCE.read_bytes() + repr(version).encode()).hexdigest()[:16]
    folder = cache_folder() / "native"
    path = folder / f"winograd-{name}.so"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as beside:
        made = Path(beside) / path.name
        subprocess.run([*command, str(SOURCE), "-o", str(made)], check=True, capture_output=True, timeout=LONGEST)
        made.replace(path)
    return path


def _compiler() -> list[str]:
    asked = shlex.split(os.environ.get("CC", ""))
    for words in [asked] if asked else [[name] for name in COMPILERS]:
        if shutil.which(words[0]):
            return words
    names = " ".join(asked) or ", ".join(COMPILERS)
    raise FileNotFoundError(f"there is no C compiler here ({names}); install one (gcc), or name it by CC=...")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}; choose a folder with NST_CACHE=..."
    said = getattr(error, "stderr", None)
    lines = said.decode(errors="replace").strip().splitlines() if said else []
    return f"the compiler says: {lines[0]}" if lines else str(error)
