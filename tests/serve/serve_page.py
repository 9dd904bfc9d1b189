"""What tests of the page share: a page on a port of its own, in a thread, and visitors without a browser."""

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

uvicorn = pytest.importorskip("uvicorn")
pytest.importorskip("starlette")

from nst.serve.app import Page, application  # noqa: E402
from nst.serve.child import warm_up  # noqa: E402
from nst.serve.limits import Limits  # noqa: E402
from nst.serve.line import Line  # noqa: E402
from nst.serve.server import bound_socket  # noqa: E402

TINY = {"sample": "coffee", "styles": [{"name": "mosaic"}], "size": 64, "steps": 3, "backbone": "wavelet"}
"""A picture that only has to end."""


@contextmanager
def served(folder: Path, password: str | None = None, **limits: Any) -> Iterator[str]:
    """Serve a page; its address is yielded."""
    bound, allowed = bound_socket("127.0.0.1", 0), Limits(**limits)
    warm_up()
    line, quick = Line(allowed), Line(allowed)
    page = Page(folder, allowed, line, quick, password)
    config = uvicorn.Config(application(page, ["127.0.0.1"]), log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        page.closing = server.should_exit = True
        thread.join()
        quick.close()
        line.close()
        bound.close()


class Visitor(requests.Session):
    """A browser that holds the event stream of a page open, as a real one does."""

    def __init__(self, address: str, *, watches: bool = True) -> None:
        super().__init__()
        self.trust_env = False
        self.address = address
        self.headers["X-Nst"] = "page"
        self.get(address)
        self.events: list[str] = []
        self.stream = self._open() if watches else None

    def _open(self) -> socket.socket:
        host, _, port = self.address.removeprefix("http://").partition(":")
        stream = socket.create_connection((host, int(port)))
        cookie = f"Cookie: nst={self.cookies['nst']}"
        stream.sendall(f"GET /api/events HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n\r\n".encode())
        threading.Thread(target=self._listen, args=(stream.makefile(),), daemon=True).start()
        return stream

    def _listen(self, lines: Any) -> None:
        with lines:
            for line in lines:
                self.events += [line] if line.startswith("data:") else []

    def leave(self) -> None:
        """Close the browser."""
        if self.stream is not None:
            with suppress(OSError):  # closed already
                self.stream.shutdown(socket.SHUT_RDWR)
            self.stream.close()
        self.close()

    def ask(self, path: str, value: Any = None, **more: Any) -> dict[str, Any]:
        """Post, and return what is answered."""
        return self.post(f"{self.address}/api/{path}", json=value, **more).json()

    def told(self, path: str) -> Any:
        """Get, and return what is answered."""
        return self.get(f"{self.address}/api/{path}").json()

    def ends(self, run: str) -> dict[str, Any]:
        """Wait for the end of a run, and return what is told of it."""
        until(lambda: self.state(run) not in ("waiting", "running"))
        return self.told(f"runs/{run}")

    def picture(self, run: str, name: str = "final.png") -> Image.Image:
        """A picture of a run."""
        return Image.open(io.BytesIO(self.get(f"{self.address}/api/runs/{run}/files/{name}").content))

    def state(self, run: str) -> str:
        """The state of a run."""
        return self.told(f"runs/{run}")["state"]


def until(holds: Callable[[], bool], seconds: float = 300) -> None:
    """Wait for something that must come."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.1)
