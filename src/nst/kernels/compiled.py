"""What is written in C here: compiled once on each machine, by its own compiler."""

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
from torch import Tensor

from nst.kernels.switch import enabled
from nst.utils.files import cache_folder

log = logging.getLogger("nst")
SOURCES = sorted((Path(__file__).parent / "csrc").glob("*.[ch]"))
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-O3", "-fopenmp", "-shared", "-fPIC")
AVX2 = ("-mavx2", "-mfma")
INSTRUCTIONS = {"AVX2": AVX2, "AVX512": (*AVX2, "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl")}
"""By torch's word for what the processor has; a cache that unlike machines share holds a library for each."""
LONGEST = 60  # seconds of the compiler; it takes one

long, pointer, number = ctypes.c_long, ctypes.c_void_p, ctypes.c_int
STEPS = (long, long, long, long, long, number)  # height, width, channels, first, rows, turned
BANK = (long, long, long, long, long, long)  # pictures, channels, height, width, edge, count
POOL = (long, long, long, long, long, long, long, long, long, number)  # pictures, map, windows, their kind; half
ENLARGED = (long, long, long, long, long)  # maps, height, width, to height, to width
FUNCTIONS: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "frequencies": (None, (*[pointer] * 3, *STEPS, number)),
    "outputs": (None, (*[pointer] * 2, ctypes.c_float, pointer, *STEPS, number)),
    "responses": (None, (*[pointer] * 5, *BANK, number)),
    "responses_gradient": (number, (*[pointer] * 6, *BANK, number)),
    "rectify": (None, (pointer, pointer, long, long, pointer, number, number)),
    "rectify_gradient": (None, (*[pointer] * 5, long, long, number, number)),
    "enlarge": (number, (*[pointer] * 3, *[long] * 3, *ENLARGED, number)),
    "enlarge_gradient": (number, (*[pointer] * 2, *[long] * 2, *ENLARGED, number)),
    "pool": (None, (*[pointer] * 3, *POOL, number, number)),
    "pool_gradient": (None, (*[pointer] * 3, *POOL, number)),
}
"""Name -> what it returns, and what it takes; the last number is that of threads."""


def library() -> ctypes.CDLL | None:
    """Return the compiled C; None with `kernels=off`, outside Linux, or where it can't be compiled."""
    return _library() if enabled() else None


@cache
def _library() -> ctypes.CDLL | None:
    """Compile and load the C once; where that fails, warn in one line and return None."""
    if platform.system() != "Linux":
        return None  # measured there alone
    try:
        found = _loaded(_compiled())
    except (OSError, subprocess.SubprocessError) as error:
        log.warning(
            "warning: a step with the wavelets or VGG takes up to twice as long as it could: %s", _reason(error)
        )
        return None
    for name, (gives, takes) in FUNCTIONS.items():
        function = getattr(found, name)
        function.restype, function.argtypes = gives, takes
    return found


def needed() -> ctypes.CDLL:
    """Return the library, for those who asked `library` first whether there is one."""
    found = library()
    assert found is not None
    return found


def values(x: Tensor | None) -> int | None:
    """Return where the values of a tensor lie, or C's null."""
    return None if x is None else x.data_ptr()


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
    name = hashlib.sha256(b"".join(path.read_bytes() for path in SOURCES) + repr(version).encode()).hexdigest()[:16]
    folder = cache_folder() / "native"
    path = folder / f"nst-{name}.so"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as beside:
        made = Path(beside) / path.name
        subprocess.run(
            [*command, *(str(path) for path in SOURCES if path.suffix == ".c"), "-o", str(made)],
            check=True,
            capture_output=True,
            timeout=LONGEST,
        )
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
