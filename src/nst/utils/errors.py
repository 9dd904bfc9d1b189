"""Errors in one line, with what to do about them and the nearest valid names. Imports nothing heavy."""

import difflib
import errno
import os
import re
import sys
import traceback
from collections.abc import Collection, Iterable
from pathlib import Path

from nst.utils.extras import EXTRAS, missing_extra

REPORT = "NST_REPORT"
"""Environment variable that is set while errors are reported in one line."""
REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "your disk quota is used up; free some space",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.EACCES: "permission denied; choose another file or folder, or change its permissions",
    errno.EPERM: "permission denied; choose another file or folder, or change its permissions",
    errno.EMFILE: "too many open files; raise `ulimit -n`",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EIO: "the disk reported an input/output error",
}
"""errno -> what is wrong, and what to do where something can be done."""
UNITS = {"bytes": 1, "B": 1} | {f"{letter}{i}B": 2 ** (10 * n) for n, letter in enumerate("KMGT", 1) for i in ("i", "")}
"""Unit -> bytes. Apple's GPU says GB where it means GiB."""
REQUESTED = re.compile(r"(?:[Tt]ried to allocate|Unable to allocate) ([\d.]+) ?(bytes|[KMGT]?i?B)")
NO_MEMORY = ("allocate memory", "out of memory", "STATUS_ALLOC_FAILED")
"""What a RuntimeError says: torch's on the processor, CUDA's and Apple's, cuBLAS's and cuDNN's."""
USER_ERRORS = (ValueError, TypeError, OSError, ArithmeticError, MemoryError, LookupError)
LIBRARIES = ("hydra", "omegaconf", "lightning")
"""Packages whose own exceptions are about what the user asked for."""


def report(error: Exception) -> int:
    """Print an error as one line and return the exit code; where tracebacks are wanted, raise it."""
    if REPORT not in os.environ:
        raise error
    print(f"error: {one_line(error)}", file=sys.stderr)
    if not is_user_error(error):
        where = traceback.extract_tb(error.__traceback__)[-1]
        name = f"{Path(where.filename).name}:{where.lineno}"
        print(f"this is a bug in nst ({name}); HYDRA_FULL_ERROR=1 shows its traceback", file=sys.stderr)
    return 1


def one_line(error: BaseException) -> str:
    """Return an error as one line; errors of Hydra name the nearest valid options."""
    text = system_error(error) or _hydra_error(error)
    return text or " ".join(str(error).split()) or type(error).__name__


def is_user_error(error: BaseException) -> bool:
    """Return whether a user can cause an error of this kind; any other is a bug."""
    package = type(error).__module__.partition(".")[0]
    return isinstance(error, USER_ERRORS) or package in LIBRARIES or system_error(error) is not None


def system_error(error: BaseException) -> str | None:
    """Return one line about a lack of memory, disk space or permission; None for any other error."""
    text = str(error)
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"  # torch's for a GPU; this module does not import torch
        or (isinstance(error, RuntimeError) and any(words in text for words in NO_MEMORY))
    ):
        return _out_of_memory(text)
    if isinstance(error, OSError) and error.errno in REMEDIES and error.strerror:
        return f"{error.filename}: {REMEDIES[error.errno]}" if error.filename else REMEDIES[error.errno]
    return None


def _out_of_memory(text: str) -> str:
    found = REQUESTED.search(text)
    amount = f"; {float(found[1]) * UNITS.get(found[2], 1) / 1e9:.3g} GB more were requested" if found else ""
    where = (
        "GPU memory" if any(word in text.upper() for word in ("CUDA", "GPU", "MPS", "CUBLAS", "CUDNN")) else "memory"
    )
    return (
        f"out of {where}{amount}; give tiles=512, a smaller size= (memory grows with its square), "
        f"optimizer.history_size=5 for L-BFGS, optimizer=adam, shallower layers or a smaller backbone"
    )


def _hydra_error(error: BaseException) -> str | None:
    """Return one line about an unknown option or choice; Hydra's classes are recognised by their attributes."""
    names = getattr(error, "options", None)
    if names and getattr(error, "missing_cfg_file", None):  # MissingConfigException
        group, _, got = str(error.missing_cfg_file).rpartition("/")  # type: ignore[attr-defined]
        if f"{group}={got}" in EXTRAS:
            return missing_extra(f"{group}={got}")
        return f"there is no {group}={got}; nearest: {', '.join(nearest(got, names))}"
    cause = error.__cause__  # OmegaConf's, of a key that does not exist
    parent = getattr(cause, "parent_node", None)
    if parent is not None and getattr(cause, "key", None) is not None and hasattr(parent, "keys"):
        key, near = cause.full_key, nearest(str(cause.key), map(str, parent.keys()))  # type: ignore[union-attr]
        if not near:
            return f"there is no option {key}, nor another one there; to add it: +{key}="
        return f"there is no option {key}; nearest: {', '.join(near)}"
    if type(error).__name__ == "OverrideParseException":
        return f"can't read {error.override!r}; quote it: '\"...\"'"  # type: ignore[attr-defined]
    return None


def unknown(kind: str, got: str, valid: Iterable[str]) -> ValueError:
    """Return the error for a name that does not exist, with the nearest valid ones."""
    return ValueError(f"there is no {kind} {got!r}; nearest: {', '.join(nearest(got, valid))}")


def check_choice(option: str, value: str, valid: Collection[str]) -> str:
    """Return `value`, or raise a ValueError that names the option and the valid values."""
    if value not in valid:
        raise ValueError(f"{option} is {value!r}; give one of {', '.join(valid)}")
    return value


def nearest(got: str, valid: Iterable[str]) -> list[str]:
    """Return up to five valid names that are spelled like `got`; if there are none, the first twelve valid names."""
    names = sorted(valid)
    return difflib.get_close_matches(got, names, n=5, cutoff=0.4) or names[:12]
