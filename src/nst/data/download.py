"""Download one file completely and check it, or say in one line why that failed."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

import requests
import urllib3
from filelock import FileLock, Timeout
from requests.adapters import BaseAdapter
from requests.utils import get_environ_proxies, select_proxy

from nst.utils.files import cache_folder, replacing

REDIRECTS = 5  # followed at most; Wikimedia needs two
CHUNK = 1 << 16  # bytes read at a time


class DownloadError(OSError):
    """A file could not be downloaded or written; the message is one line for the user."""


class _PassingError(DownloadError):
    """A failure after which another try may succeed, `wait` seconds later at the earliest."""

    wait = 0.0


@dataclass(frozen=True)
class Download:
    """How files are downloaded; the values come from `conf/download/default.yaml`.

    Args:
        connect: seconds to find and reach a host.
        timeout: seconds without a byte after which a try is given up.
        deadline: seconds for one whole download, retries included.
        retries: further tries after a lost connection, a timeout, status 429 or 5xx.
        backoff: seconds before the first retry, doubled before each next one.
        max_megabytes: size of the largest file accepted, in units of 10^6 bytes.
        hosts: host names that may be asked, redirects included.
        agent: the User-Agent sent.
        cache: folder for downloaded files; None = $NST_CACHE, else the cache folder of the system.
        schemes: URL schemes that may be used.

    Raises:
        ValueError: a number is negative.
    """

    connect: float
    timeout: float
    deadline: float
    retries: int
    backoff: float
    max_megabytes: float
    hosts: Sequence[str]
    agent: str
    cache: str | Path | None
    schemes: Sequence[str] = ("https",)

    def __post_init__(self) -> None:
        for name in ("connect", "timeout", "deadline", "retries", "backoff", "max_megabytes"):
            if getattr(self, name) < 0:
                raise ValueError(f"download.{name} is {getattr(self, name)}; give 0 or more")

    @property
    def folder(self) -> Path:
        """The cache folder, which may not exist yet."""
        return cache_folder(self.cache)


def fetch(url: str, target: Path, *, options: Download, check: Callable[[Path], None]) -> Path:
    """Download `url` to `target`, unless that file exists already.

    The file appears under its name only when it is complete and `check` has passed. Several processes that want the
    same target download it once. On failure nothing stays behind.

    Args:
        url: its scheme and host, and those of every redirect, must be among the options'.
        target: the file to write; missing folders are made. An existing file is returned as it is, unchecked.
        options: limits, allowed hosts, retries.
        check: raises ValueError if the file at the path given is not what was wanted.

    Returns:
        `target`.

    Raises:
        DownloadError: one line: what was wanted, from which host, why it failed.
    """
    if target.is_file():
        return target
    source = f"{unquote(urlsplit(url).path.rsplit('/', 1)[-1])} from {urlsplit(url).hostname}"
    lock = target.with_name(f".{target.name}.lock")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=options.deadline):
            try:
                if not target.is_file():
                    with replacing(target) as file:
                        _download(url, file, options)
                        check(Path(file.name))
            finally:
                with contextlib.suppress(PermissionError):  # Windows deletes no open file: there it stays
                    lock.unlink(missing_ok=True)  # while held: a process that waits for it then makes a new one
    except DownloadError as error:
        raise DownloadError(f"cannot fetch {source}: {error}") from error
    except ValueError as error:
        raise DownloadError(f"cannot fetch {source}: what came is not what was wanted: {error}") from error
    except Timeout as error:
        reason = f"another process has been fetching it for download.deadline={options.deadline:g} s"
        raise DownloadError(f"cannot fetch {source}: {reason}") from error
    except OSError as error:
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error  # of `replacing`: without the path
        reason = f"{cause.strerror}; choose a folder with download.cache=... or NST_CACHE"
        raise DownloadError(f"cannot keep {source} in {target.parent}: {reason}") from error
    return target


def _download(url: str, file: BinaryIO, options: Download) -> None:
    """Write what `url` gives to an empty file, with retries until the deadline.

    `urllib3.Retry` can't take the place of this loop: it retries only until the headers have come, not a body that is
    cut off, and knows no deadline for all tries together.
    """
    end = time.monotonic() + options.deadline
    for tries in range(1, options.retries + 2):
        file.seek(0)
        file.truncate()
        try:
            return _try_once(url, file, options, end)
        except _PassingError as error:
            pause = max(error.wait, options.backoff * 2 ** (tries - 1))
            if tries > options.retries or time.monotonic() + pause > end:
                raise DownloadError(f"{error} (tried {tries} time{'s' * (tries > 1)})") from error
            time.sleep(pause)


def _try_once(url: str, file: BinaryIO, options: Download, end: float) -> None:
    timeout = (options.connect, options.timeout)
    try:
        with _Session(options) as session, session.get(url, stream=True, timeout=timeout) as response:
            if response.status_code != requests.codes.ok:
                raise _refusal(response)
            _save(response, file, options, end)
    except requests.exceptions.SSLError as error:
        raise DownloadError("its certificate was not accepted") from error
    except requests.ConnectTimeout as error:
        raise _PassingError(f"no connection within download.connect={options.connect:g} s") from error
    except (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError) as error:
        raise _PassingError(f"nothing came for download.timeout={options.timeout:g} s") from error
    except requests.exceptions.ProxyError as error:
        raise _PassingError("the proxy refused the connection") from error
    except (requests.ConnectionError, urllib3.exceptions.HTTPError) as error:
        raise _PassingError("the connection failed or was cut off") from error
    except requests.RequestException as error:
        raise DownloadError(str(error)) from error


class _Session(requests.Session):
    """A session that connects to the allowed hosts only.

    Adapters mounted for the hosts would not do: requests chooses one by a URL's first letters, and `https://host` is
    also how `https://host.example.org` and `https://host:password@example.org` begin.
    """

    def __init__(self, options: Download) -> None:
        super().__init__()
        self.rules = options
        self.max_redirects = REDIRECTS
        self.headers.update({"User-Agent": options.agent, "Accept-Encoding": "identity"})

    def get_adapter(self, url: str) -> BaseAdapter:
        """Return what sends a request; requests calls this before every request, redirects included."""
        parts, rules = urlsplit(url), self.rules
        if parts.scheme not in rules.schemes:
            raise DownloadError(f"{parts.scheme} is not allowed, only {' or '.join(rules.schemes)}")
        if parts.hostname is None or parts.hostname not in rules.hosts:
            raise DownloadError(f"host {parts.hostname} is not among download.hosts={','.join(rules.hosts)}")
        proxy = select_proxy(url, get_environ_proxies(url))  # a proxy looks names up itself
        if proxy is None and not _has_address(parts.hostname, rules.connect):
            raise DownloadError(f"no address found for {parts.hostname}; is there a network?")
        return super().get_adapter(url)


def _has_address(host: str, seconds: float) -> bool:
    """Look a host up, in a thread, because the system's look-up has no timeout."""
    found: list[object] = []

    def look_up() -> None:
        with contextlib.suppress(OSError):
            found.append(socket.getaddrinfo(host, None))

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(found)


def _refusal(response: requests.Response) -> DownloadError:
    """Return the error for an answer that is not 200; after 429 and 5xx another try may succeed."""
    status = response.status_code
    reason = f"{urlsplit(response.url).hostname} answered {status}"
    if status != requests.codes.too_many_requests and status < 500:
        return DownloadError(reason)
    error = _PassingError(reason)
    with contextlib.suppress(urllib3.exceptions.InvalidHeader):
        error.wait = urllib3.Retry().parse_retry_after(response.headers.get("Retry-After", "0"))
    return error


def _save(response: requests.Response, file: BinaryIO, options: Download, end: float) -> None:
    """Write the body of an answer to a file, within the limits of size and time."""
    too_large = f"larger than download.max_megabytes={options.max_megabytes:g}"
    limit = options.max_megabytes * 1e6
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > limit:
        raise DownloadError(f"{int(length) / 1e6:.0f} MB, {too_large}")
    # read1, because read waits for a full chunk and so passes the deadline; urllib3 raises if the body is cut off
    while chunk := response.raw.read1(CHUNK, decode_content=False):
        file.write(chunk)
        if file.tell() > limit:
            raise DownloadError(too_large)
        if time.monotonic() > end:
            raise DownloadError(f"not complete after download.deadline={options.deadline:g} s")
    file.flush()
