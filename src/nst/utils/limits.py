"""Errors of the machine in a user's words: no memory, no space, no permission. Imports nothing heavy."""

import errno
import re

UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
ASKED = re.compile(r"(?:[Tt]ried to allocate|Unable to allocate) ([\d.]+) ?(bytes|[KMGT]?i?B)")
REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "your quota is used up; free some space",
    errno.EROFS: "the file system is read-only; give a folder that can be written",
    errno.EACCES: "there is no permission; give another file or folder, or change its permissions",
    errno.EPERM: "there is no permission; give another file or folder, or change its permissions",
    errno.EMFILE: "too many files are open; raise `ulimit -n`",
    errno.ENAMETOOLONG: "its name is too long",
    errno.EIO: "the disk failed",
}


def told(error: BaseException) -> str | None:
    """Say in one line what the machine lacks; None for an error of another kind."""
    if _is_memory(error):
        return _memory(str(error))
    if isinstance(error, OSError) and error.errno in REMEDIES and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{REMEDIES[error.errno]}"
    return None


def _is_memory(error: BaseException) -> bool:
    """Whether there was too little memory: Python's word, NumPy's, torch's of the processor and of a GPU."""
    text = str(error)
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and ("allocate memory" in text or "out of memory" in text))
    )


def _memory(text: str) -> str:
    found = ASKED.search(text)
    amount = ""
    if found:
        count = float(found[1]) * UNITS.get(found[2], 1)
        amount = f"; {count / 1e9:.3g} GB more were needed at once"
    where = "the GPU's memory" if "CUDA" in text or "GPU" in text or "MPS" in text else "memory"
    return (
        f"out of {where}{amount}; give tiles=512, or a lower size= (memory grows with its square), "
        f"optimizer.history_size=5 for L-BFGS, optimizer=adam, shallower layers or a smaller backbone"
    )
