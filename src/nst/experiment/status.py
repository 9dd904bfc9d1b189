"""`status.json`: what became of a run, for people, sweeps and galleries. Imports nothing heavy."""

import json
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nst.utils.files import write as write_file

NAME = "status.json"
ENDED_BADLY = ("failed", "killed", "interrupted")


def write(folder: Path, state: str, reason: str | None = None, **more: Any) -> None:
    """Write the status of a run, whole or not at all.

    Args:
        folder: The run's own.
        state: `running`, `finished`, `failed` (an error), `interrupted` (a signal) or `killed` (no time for a word).
        reason: One line.
        more: Further fields.
    """
    fields = {"state": state, "reason": reason, "now": utc(time.time()), "pid": os.getpid(), "host": _host()} | more
    write_file(folder / NAME, json.dumps(fields, indent=2, ensure_ascii=False).encode() + b"\n")


def read(folder: Path) -> dict[str, Any]:
    """Return the status of a run, with `killed` for a run whose process is gone; empty where there is none."""
    try:
        fields = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(fields, dict) or not isinstance(fields.get("state"), str):
        return {}
    if fields["state"] == "running" and gone(fields):
        fields |= {"state": "killed", "reason": "its process is gone and left no word: killed, or out of memory"}
    return fields


def gone(fields: Mapping[str, Any]) -> bool:
    """Tell whether a run's process is known to be gone; one on another machine is not known."""
    if fields.get("host") != _host() or not isinstance(fields.get("pid"), int):
        return False
    try:
        os.kill(fields["pid"], 0)
    except ProcessLookupError:
        return True
    except OSError:  # there, but somebody else's
        return False
    return False


def utc(seconds: float) -> str:
    """Give a time as ISO 8601 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _host() -> str:
    return socket.gethostname()
