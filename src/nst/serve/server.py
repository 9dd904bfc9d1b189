"""The server of the page: it begins, says where it is, and ends at a signal with what is painted kept."""

import logging
import os
import signal
import socket
from pathlib import Path
from types import FrameType

import uvicorn

from nst.experiment import status
from nst.serve.app import Page, application
from nst.serve.child import warm_up
from nst.serve.limits import Limits
from nst.serve.line import Line

log = logging.getLogger("nst")
LOCAL = ("127.0.0.1", "localhost", "::1")
"""Names of this machine for itself."""


class _Server(uvicorn.Server):
    """Tells the page that it is about to end: its event streams would go on for ever."""

    page: Page

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.page.closing = True
        super().handle_exit(sig, frame)


def serve(*, host: str, port: int, folder: Path, limits: Limits, password: str | None) -> None:
    """Serve the page until a signal comes.

    Args:
        host: Address or name that it is bound to.
        port: 0: any that is free.
        folder: Where the visitors' folders are; one server at a time uses it.
        limits: For visitors.
        password: That visitors must give; None: none.

    Raises:
        OSError: The port is taken, or the folder can't be written or is used by another server.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with status.locked(folder), bound_socket(host, port) as bound:
        print("one moment: the painting processes are starting", flush=True)
        warm_up()
        line, quick = Line(limits), Line(limits)
        page = Page(folder, limits, line, quick, password)
        hosts = [*LOCAL] if host in LOCAL else ["*"]
        server = _Server(
            uvicorn.Config(application(page, hosts), log_level="warning", timeout_graceful_shutdown=5, lifespan="off")
        )
        server.page = page
        shown = f"[{host}]" if ":" in host else host
        print(f"open http://{shown}:{bound.getsockname()[1]} in a browser; Ctrl-C ends it", flush=True)
        for name in ("SIGTERM", "SIGHUP"):  # uvicorn raises what it has caught again when it has ended
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), _end)
        try:
            server.run(sockets=[bound])
        finally:
            print("one moment: the picture that is being painted is kept", flush=True)
            quick.close()
            line.close()


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        OSError: It can't be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    try:
        if os.name == "posix":  # on Windows the word for: share the port with whoever has it
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen()
    except OSError as error:
        bound.close()
        raise OSError(
            f"can't serve at {host}:{port} ({error.strerror or error}); give another --host or --port"
        ) from None
    return bound
