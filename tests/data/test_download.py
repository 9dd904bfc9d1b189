"""Fetching, against a real server on this machine that misbehaves in every way that servers do."""

import multiprocessing
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from filelock import FileLock

from nst.data.download import Download, DownloadError, fetch

BODY = bytes(range(256)) * 400  # 102400 bytes
Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Web:
    """What the server answers at each path, and what it saw."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    hits: Counter[str] = field(default_factory=Counter)
    agents: set[str] = field(default_factory=set)
    sent: int = 0


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    seen = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            seen.hits[path] += 1
            seen.agents.add(self.headers["User-Agent"])
            try:
                seen.answers[path](self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False  # joined at the end, so that nothing outlives the test
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    seen.url = f"http://127.0.0.1:{server.server_port}"
    yield seen
    server.shutdown()
    server.server_close()
    thread.join()


def head(handler: BaseHTTPRequestHandler, status: int = 200, **headers: object) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()


def give(body: bytes = BODY, *, told: int | None = None, status: int = 200) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        head(handler, status, Content_Length=len(body) if told is None else told)
        handler.wfile.write(body)

    return answer


def redirect(place: str, status: int = 302) -> Answer:
    return lambda handler: head(handler, status, Location=place, Content_Length=0)


def in_turn(*answers: Answer) -> Answer:
    left = list(answers)
    return lambda handler: left.pop(0)(handler)


def options(**changes: object) -> Download:
    shared = {
        "connect": 1,
        "timeout": 0.3,
        "deadline": 5,
        "retries": 2,
        "backoff": 0.01,
        "max_megabytes": 1,
        "hosts": ("127.0.0.1",),
        "agent": "nst tests",
        "cache": None,
        "schemes": ("http",),
    }
    return Download(**(shared | changes))  # type: ignore[arg-type]


def whole(path: Path) -> None:
    if path.read_bytes() != BODY:
        raise ValueError(f"{path.stat().st_size} bytes, or others than sent")


def refused(web: Web, path: str, folder: Path, **changes: object) -> str:
    """Fetch what cannot be fetched; give the line of the error, once nothing is seen to be left behind."""
    with pytest.raises(DownloadError) as caught:
        fetch(web.url + path, folder / "picture.jpg", options=options(**changes), check=whole)
    assert list(folder.iterdir()) == []
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_a_file_comes_whole_and_alone(web: Web, tmp_path: Path) -> None:
    web.answers["/a.jpg"] = give()
    target = tmp_path / "new" / "folder" / "picture.jpg"
    assert fetch(web.url + "/a.jpg", target, options=options(), check=whole) == target
    assert target.read_bytes() == BODY
    assert list(target.parent.iterdir()) == [target]
    assert web.agents == {"nst tests"}


def test_a_file_that_is_there_is_not_fetched(web: Web, tmp_path: Path) -> None:
    target = tmp_path / "picture.jpg"
    target.write_bytes(b"mine")
    fetch(web.url + "/a.jpg", target, options=options(), check=whole)
    assert target.read_bytes() == b"mine"
    assert not web.hits


def test_a_body_without_length_is_taken(web: Web, tmp_path: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        head(handler)
        handler.wfile.write(BODY)

    web.answers["/a.jpg"] = answer
    fetch(web.url + "/a.jpg", tmp_path / "picture.jpg", options=options(), check=whole)


def test_silence_is_given_up_after_the_timeout(web: Web, tmp_path: Path) -> None:
    web.answers["/a.jpg"] = lambda handler: time.sleep(0.3)
    line = refused(web, "/a.jpg", tmp_path, timeout=0.05, retries=1)
    assert line == ("cannot fetch a.jpg from 127.0.0.1: nothing came for download.timeout=0.05 s (tried 2 times)")


def test_silence_in_the_middle_is_given_up_too(web: Web, tmp_path: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        head(handler, Content_Length=len(BODY))
        handler.wfile.write(BODY[:1000])
        handler.wfile.flush()
        time.sleep(0.3)

    web.answers["/a.jpg"] = answer
    assert "nothing came for" in refused(web, "/a.jpg", tmp_path, timeout=0.05, retries=0)


def test_drops_that_never_end_meet_the_deadline(web: Web, tmp_path: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        head(handler, Content_Length=len(BODY))
        for _ in range(200):
            handler.wfile.write(b".")
            handler.wfile.flush()
            time.sleep(0.02)

    web.answers["/a.jpg"] = answer
    start = time.monotonic()
    assert "download.deadline=0.2 s" in refused(web, "/a.jpg", tmp_path, deadline=0.2)
    assert time.monotonic() - start < 2  # the server would have gone on for 4 s


def test_a_length_told_too_large_is_an_error(web: Web, tmp_path: Path) -> None:
    web.answers["/a.jpg"] = give(told=len(BODY) + 1)
    assert "cut off" in refused(web, "/a.jpg", tmp_path)
    assert web.hits["/a.jpg"] == 3


def test_a_length_told_too_small_fails_the_check(web: Web, tmp_path: Path) -> None:
    web.answers["/a.jpg"] = give(told=len(BODY) - 1)
    assert "not what was wanted: 102399 bytes" in refused(web, "/a.jpg", tmp_path)


def test_a_cut_connection_is_tried_again(web: Web, tmp_path: Path) -> None:
    web.answers["/a.jpg"] = in_turn(give(BODY[:5000], told=len(BODY)), lambda handler: None, give())
    fetch(web.url + "/a.jpg", tmp_path / "picture.jpg", options=options(), check=whole)
    assert web.hits["/a.jpg"] == 3


def test_a_page_instead_of_the_file_fails_the_check_at_once(web: Web, tmp_path: Path) -> None:
    web.answers["/a.jpg"] = give(b"<html>please log in</html>")
    assert "not what was wanted" in refused(web, "/a.jpg", tmp_path)
    assert web.hits["/a.jpg"] == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(web: Web, tmp_path: Path, status: int) -> None:
    web.answers["/a.jpg"] = redirect("/b/c.jpg", status)
    web.answers["/b/c.jpg"] = redirect(f"{web.url}/d.jpg", status)
    web.answers["/d.jpg"] = give()
    fetch(web.url + "/a.jpg", tmp_path / "picture.jpg", options=options(), check=whole)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("http://example.org/a.jpg", "host example.org is not among download.hosts=127.0.0.1"),
        ("http://127.0.0.1@example.org/a.jpg", "host example.org is not among"),
        ("//example.org/a.jpg", "host example.org is not among"),
        ("ftp://127.0.0.1/a.jpg", "ftp is not allowed, only http"),
        ("file:///etc/hostname", "file is not allowed, only http"),
    ],
)
def test_redirects_out_of_bounds_are_refused(web: Web, tmp_path: Path, place: str, reason: str) -> None:
    web.answers["/a.jpg"] = redirect(place)
    assert reason in refused(web, "/a.jpg", tmp_path)
    assert web.hits["/a.jpg"] == 1


def test_a_loop_of_redirects_ends(web: Web, tmp_path: Path) -> None:
    web.answers["/a.jpg"] = redirect("/a.jpg")
    assert "Exceeded 5 redirects" in refused(web, "/a.jpg", tmp_path)
    assert web.hits["/a.jpg"] == 6


def test_plain_http_is_refused_by_default(web: Web, tmp_path: Path) -> None:
    assert "http is not allowed, only https" in refused(web, "/a.jpg", tmp_path, schemes=("https",))
    assert not web.hits


def test_a_length_beyond_the_limit_is_refused_unread(web: Web, tmp_path: Path) -> None:
    web.answers["/a.jpg"] = lambda handler: head(handler, Content_Length=2 * 10**9)
    assert "2000 MB, larger than download.max_megabytes=1" in refused(web, "/a.jpg", tmp_path)
    assert web.hits["/a.jpg"] == 1


def test_two_gigabytes_without_a_length_stop_at_the_limit(web: Web, tmp_path: Path) -> None:
    block = bytes(10**6)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        head(handler)
        while web.sent < 2 * 10**9:
            handler.wfile.write(block)
            web.sent += len(block)

    web.answers["/a.jpg"] = answer
    assert "larger than download.max_megabytes=1" in refused(web, "/a.jpg", tmp_path)
    assert web.sent < 50 * 10**6  # the limit, and what the sockets' buffers swallow


def test_a_missing_file_is_not_asked_for_twice(web: Web, tmp_path: Path) -> None:
    web.answers["/a%20b.jpg"] = give(b"no", status=404)
    assert refused(web, "/a%20b.jpg", tmp_path) == "cannot fetch a b.jpg from 127.0.0.1: 127.0.0.1 answered 404"
    assert web.hits["/a%20b.jpg"] == 1


def test_a_passing_fault_of_the_server_is_tried_again(web: Web, tmp_path: Path) -> None:
    web.answers["/a.jpg"] = in_turn(give(b"", status=500), give(b"", status=503), give())
    fetch(web.url + "/a.jpg", tmp_path / "picture.jpg", options=options(), check=whole)


def test_a_lasting_fault_of_the_server_is_told(web: Web, tmp_path: Path) -> None:
    web.answers["/a.jpg"] = give(b"", status=502)
    assert refused(web, "/a.jpg", tmp_path).endswith("127.0.0.1 answered 502 (tried 3 times)")


def test_the_pause_the_server_asks_for_is_kept(web: Web, tmp_path: Path) -> None:
    busy: Answer = lambda handler: head(handler, 429, Retry_After=1, Content_Length=0)  # noqa: E731
    web.answers["/a.jpg"] = in_turn(busy, give())
    start = time.monotonic()
    fetch(web.url + "/a.jpg", tmp_path / "picture.jpg", options=options(), check=whole)
    assert time.monotonic() - start >= 1


def test_a_pause_beyond_the_deadline_is_not_waited_for(web: Web, tmp_path: Path) -> None:
    web.answers["/a.jpg"] = lambda handler: head(handler, 429, Retry_After=3600, Content_Length=0)
    assert "answered 429 (tried 1 time)" in refused(web, "/a.jpg", tmp_path)


def test_a_closed_port_is_told(web: Web, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, not listening: nobody answers there
        web.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        assert "the connection failed or was cut off (tried 3 times)" in refused(web, "/a.jpg", tmp_path)


def test_without_a_network_it_fails_fast(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    start = time.monotonic()
    assert "no address found for 127.0.0.1; is there a network?" in refused(web, "/a.jpg", tmp_path, backoff=1)
    assert time.monotonic() - start < 0.5


def test_a_look_up_that_hangs_is_given_up(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: hanging.wait(10))
    start = time.monotonic()
    assert "no address found" in refused(web, "/a.jpg", tmp_path, connect=0.1)
    assert time.monotonic() - start < 1
    hanging.set()


def _fetch_in_a_process(url: str, target: Path) -> None:
    fetch(url, target, options=options(timeout=5, deadline=20), check=whole)


def test_several_processes_fetch_once(web: Web, tmp_path: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.5)  # long enough for the others to come to the lock
        give()(handler)

    web.answers["/a.jpg"] = answer
    target = tmp_path / "picture.jpg"
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_fetch_in_a_process, args=(f"{web.url}/a.jpg", target)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert web.hits["/a.jpg"] == 1
    assert list(tmp_path.iterdir()) == [target]


def test_who_waits_too_long_for_another_process_is_told(web: Web, tmp_path: Path) -> None:
    with (
        FileLock(tmp_path / ".picture.jpg.lock"),
        pytest.raises(DownloadError, match=r"another process .* download\.deadline=0\.1 s"),
    ):
        fetch(web.url + "/a.jpg", tmp_path / "picture.jpg", options=options(deadline=0.1), check=whole)


def test_a_folder_that_cannot_be_made_is_told(web: Web, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError) as caught:
        fetch(web.url + "/a.jpg", tmp_path / "file" / "picture.jpg", options=options(), check=whole)
    assert str(caught.value) == (
        f"cannot keep a.jpg from 127.0.0.1 in {tmp_path}/file: File exists; "
        "choose a folder with download.cache=... or NST_CACHE"
    )
    assert not web.hits


def test_a_full_disk_is_told(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    web.answers["/a.jpg"] = give()
    monkeypatch.setattr("os.fsync", full)
    assert "No space left on device; choose a folder" in refused(web, "/a.jpg", tmp_path)


def test_an_interrupt_leaves_nothing_behind(web: Web, tmp_path: Path) -> None:
    def interrupt(_: Path) -> None:
        raise KeyboardInterrupt

    web.answers["/a.jpg"] = give()
    with pytest.raises(KeyboardInterrupt):
        fetch(web.url + "/a.jpg", tmp_path / "picture.jpg", options=options(), check=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_date_in_retry_after_is_waited_for(web: Web, tmp_path: Path) -> None:
    later = formatdate(time.time() + 2, usegmt=True)  # whole seconds: between 1 and 2 from now
    web.answers["/a.jpg"] = in_turn(lambda handler: head(handler, 503, Retry_After=later, Content_Length=0), give())
    start = time.monotonic()
    fetch(web.url + "/a.jpg", tmp_path / "picture.jpg", options=options(), check=whole)
    assert time.monotonic() - start >= 0.9


def test_a_host_that_only_begins_like_an_allowed_one_is_refused(web: Web, tmp_path: Path) -> None:
    web.answers["/a.jpg"] = redirect("http://127.0.0.1.example.org/a.jpg")
    assert "host 127.0.0.1.example.org is not among" in refused(web, "/a.jpg", tmp_path)
