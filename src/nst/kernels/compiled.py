"""The C of this package: compiled once on each machine by its own compiler, and loaded with ctypes."""

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

from nst.kernels.switch import enabled, warns
from nst.utils.files import cache_folder

log = logging.getLogger("nst")
SOURCES = sorted((Path(__file__).parent / "csrc").glob("*.[ch]"))
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-O3", "-fopenmp", "-shared", "-fPIC")
AVX2 = ("-mavx2", "-mfma")
INSTRUCTIONS = {"AVX2": AVX2, "AVX512": (*AVX2, "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl")}
"""PyTorch's name of the processor's instructions -> flags; a shared cache holds one library for each."""
TIMEOUT = 60  # seconds for the compiler, which takes two

long, pointer, number = ctypes.c_long, ctypes.c_void_p, ctypes.c_int
WINOGRAD = (*[long] * 5, number)  # height, width, channels, first, rows, flipped
BANK = (*[long] * 6,)  # images, channels, height, width, edge, count
POOL = (*[long] * 9, number)  # images, height, width, channels, down, across, edge, stride, padding, is bfloat16
LEVELS = (*[long] * 5,)  # maps, height, width, height and width of the larger level
FUNCTIONS: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "winograd_input": (None, (*[pointer] * 3, *WINOGRAD, number, number)),  # and padding, threads
    "winograd_output": (None, (*[pointer] * 2, ctypes.c_float, pointer, *WINOGRAD, number)),
    "filter_bank": (None, (*[pointer] * 5, *BANK, number)),
    "filter_bank_backward": (number, (*[pointer] * 6, *BANK, number)),
    "relu_cat": (None, (pointer, pointer, long, long, pointer, number, number)),
    "relu_cat_backward": (None, (*[pointer] * 5, long, long, number, number)),
    "upsample_add": (number, (*[pointer] * 3, *[long] * 3, *LEVELS, number)),
    "upsample_add_backward": (number, (*[pointer] * 2, *[long] * 2, *LEVELS, number)),
    "max_pool": (None, (*[pointer] * 3, *POOL, number, number)),
    "max_pool_backward": (None, (*[pointer] * 3, *POOL, number)),
}
"""C function -> its return type and its argument types, of which the last is the number of threads."""


def library() -> ctypes.CDLL | None:
    """Return the compiled C; None with `kernels=off`, outside Linux, or where it can't be compiled."""
    return _library() if enabled() else None


@cache
def _library() -> ctypes.CDLL | None:
    """Compile and load the C once; where that fails, warn in one line and return None."""
    if platform.system() != "Linux":
        return None  # not measured elsewhere
    try:
        loaded = _loaded(_compiled())
    except (OSError, subprocess.SubprocessError) as error:
        log.log(
            logging.WARNING if warns() else logging.DEBUG,
            "warning: a step with the wavelets or VGG takes up to twice as long as it could: %s",
            _reason(error),
        )
        return None
    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def needed() -> ctypes.CDLL:
    """Return the library where `library` has already returned one."""
    found = library()
    assert found is not None
    return found


def address(x: Tensor | None) -> int | None:
    """Return the address of a tensor's values, or C's null."""
    return None if x is None else x.data_ptr()


def _loaded(path: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(path))
    except OSError:
        path.unlink(missing_ok=True)  # truncated, after a crash of the machine: the next run compiles it again
        raise


def _compiled() -> Path:
    """Return the library's file; several processes may compile it at once, each replaces it whole."""
    command = [*_compiler(), *FLAGS, *INSTRUCTIONS.get(torch.backends.cpu.get_cpu_capability(), ())]
    version = platform.machine(), platform.libc_ver(), command
    name = hashlib.sha256(b"".join(path.read_bytes() for path in SOURCES) + repr(version).encode()).hexdigest()[:16]
    folder = cache_folder() / "native"
    path = folder / f"nst-{name}.so"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        made = Path(temporary) / path.name
        subprocess.run(
            [*command, *(str(path) for path in SOURCES if path.suffix == ".c"), "-o", str(made)],
            check=True,
            capture_output=True,
            timeout=TIMEOUT,
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
    stderr = getattr(error, "stderr", None)
    lines = stderr.decode(errors="replace").strip().splitlines() if stderr else []
    return f"the compiler says: {lines[0]}" if lines else str(error)
