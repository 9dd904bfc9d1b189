"""Python as nst would find it on Windows: loaded by every process that has this folder in PYTHONPATH.

Modules, signals and calls that only POSIX has are taken away from nst, not from the libraries, which have their own
ways there. An open file can be neither deleted nor replaced.
"""

import builtins
import os
import pathlib
import signal
import sys
from typing import Any

MODULES = {
    "crypt", "fcntl", "grp", "nis", "posix", "pty", "pwd", "readline", "resource", "spwd", "syslog", "termios", "tty",
}  # fmt: skip
OS = {
    "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "WNOHANG", "chown", "fchmod", "fchown", "fdatasync", "fork",
    "forkpty", "getegid", "geteuid", "getgid", "getloadavg", "getpgid", "getpgrp", "getsid", "getuid", "killpg",
    "lchown", "mkfifo", "nice", "openpty", "pathconf", "posix_spawn", "pread", "pwrite", "sched_getaffinity",
    "sched_setaffinity", "setpgid", "setpgrp", "setsid", "statvfs", "sync", "sysconf", "ttyname", "uname", "wait",
}  # fmt: skip
SIGNALS = {
    "SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP", "SIGTSTP", "SIGUSR1",
    "SIGUSR2", "alarm", "pause", "pthread_kill", "setitimer", "sigwait",
}  # fmt: skip


class Without:
    """A module without some of its names, and with others in their place."""

    def __init__(self, module: Any, missing: set[str], **others: Any) -> None:
        self.__dict__["_parts"] = module, missing, others

    def __getattr__(self, name: str) -> Any:
        module, missing, others = self.__dict__["_parts"]
        if name in missing:
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r} on Windows")
        return others[name] if name in others else getattr(module, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.__dict__["_parts"][0], name, value)


def kill(process: int, number: int) -> None:
    """End a process at once, as Windows does for every signal but Ctrl-C."""
    assert number != 0, "on Windows this would send Ctrl-C"
    os.kill(process, signal.SIGKILL)


def handle(number: int, handler: Any) -> Any:
    """Set the handler of one of the few signals that Windows has."""
    if number not in (signal.SIGINT, signal.SIGTERM):
        raise ValueError("invalid signal value")
    return _signal(number, handler)


def only_spawn(method: str | None = None) -> Any:
    """Return the only context that there is."""
    import multiprocessing

    if method not in (None, "spawn"):
        raise ValueError(f"cannot find context for {method!r}")
    return multiprocessing.get_context("spawn")


_signal = signal.signal


def _proxy(module: Any) -> Any:
    if module.__name__ == "os":
        return Without(module, OS, name="nt", kill=kill)
    if module.__name__ == "signal":
        return Without(module, SIGNALS, signal=handle)
    if module.__name__ == "sys":
        return Without(module, set(), platform="win32")
    if module.__name__ == "platform":
        return Without(module, set(), system=lambda: "Windows", libc_ver=lambda: ("", ""))
    if module.__name__ == "mmap":
        return Without(module, {"MAP_PRIVATE", "MAP_ANONYMOUS"})
    if module.__name__ == "multiprocessing":
        return Without(module, set(), get_context=only_spawn, get_all_start_methods=lambda: ["spawn"])
    return module


_import = builtins.__import__


def import_for_nst(name: str, where: Any = None, local: Any = None, names: Any = (), level: int = 0) -> Any:
    """Import a module; for nst as it is on Windows."""
    if str((where or {}).get("__name__", "")).partition(".")[0] != "nst":
        return _import(name, where, local, names, level)
    if name.partition(".")[0] in MODULES:
        raise ModuleNotFoundError(f"No module named {name!r} on Windows", name=name)
    return (
        _proxy(_import(name, where, local, names, level)) if level == 0 else _import(name, where, local, names, level)
    )


def _refuse_open(path: pathlib.Path) -> None:
    if path.resolve() in {one.resolve() for one in pathlib.Path("/proc/self/fd").iterdir()}:
        raise PermissionError(13, "The process cannot access the file because it is being used", str(path))


_unlink, _replace = pathlib.Path.unlink, pathlib.Path.replace


def unlink(self: pathlib.Path, missing_ok: bool = False) -> None:
    """Delete a file that is not open."""
    _refuse_open(self)
    _unlink(self, missing_ok)


def replace(self: pathlib.Path, target: Any) -> Any:
    """Rename a file that is not open to a name that no open file has."""
    _refuse_open(self)
    _refuse_open(pathlib.Path(target))
    return _replace(self, target)


if sys.platform == "linux":
    builtins.__import__ = import_for_nst
    pathlib.Path.unlink, pathlib.Path.replace = unlink, replace  # type: ignore[method-assign]
