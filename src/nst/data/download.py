"""Fetch one file, whole and checked, or say in one line why not."""

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import requests
import urllib3
from filelock import FileLock, Timeout
from requests.utils import get_environ_proxies, select_proxy

from nst.utils.files import cache_folder

HOPS = 5  # redirects followed; Wikimedia needs two
CHUNK = 1 << 16  # bytes read at a time


class DownloadError(OSError):
    """A file could not be fetched or kept; the message is one line for the user."""


class _FailureError(Exception):
    """Why one try failed; `wait` is the least pause before the next in seconds, None = do not try again."""

    def __init__(self, reason: str, *, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True)
class Download:
    """How files are fetched; the values come from `conf/download/default.yaml`.

    Args:
        connect: seconds to find and reach a host.
        timeout: seconds without a byte before a try is given up.
        deadline: seconds for one whole download, retries included.
        retries: further tries after a lost connection, a time-out, status 429 or 5xx.
        backoff: seconds before the first retry, doubled before each next one.
        max_megabytes: largest file taken, in units of 10^6 bytes.
        hosts: host names that may be asked, redirects included.
        agent: the User-Agent sent.
        cache: folder for what was fetched; None = $NST_CACHE, else the cache folder of the system.
        schemes: URL schemes that may be used.

    Raises:
        ValueError: a number is missing, negative or not a number, or `hosts` is not a list of names.
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
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise ValueError(f"download.{name} is {value!r}; give a number of 0 or more")
        if not isinstance(self.retries, int):
            raise ValueError(f"download.retries is {self.retries!r}; give a whole number")
        if isinstance(self.hosts, str):
            raise ValueError(f"download.hosts is {self.hosts!r}; give a list of host names: [{self.hosts}]")

    @property
    def folder(self) -> Path:
        """Give the cache folder, which may not exist yet."""
        return cache_folder(self.cache)


def fetch(url: str, target: Path, *, options: Download, check: Callable[[Path], None]) -> Path:
    """Bring `url` to `target`, unless it is there already.

    The file appears under its name only when it is whole and `check` has passed, and several processes that
    want the same target fetch it once. On failure nothing stays behind.

    Args:
        url: where the file is; its scheme and host, and those of every redirect, must be among the options'.
        target: where it goes; missing folders are made. A file that is there is returned as it is, unchecked.
        options: limits and manners.
        check: raises ValueError or OSError if the file at the path given is not what was wanted.

    Returns:
        `target`.

    Raises:
        DownloadError: one line: what was wanted, from which host, why it failed.
    """
    if target.is_file():
        return target
    name = unquote(urlsplit(url).path.rsplit("/", 1)[-1])
    source = f"{name} from {urlsplit(url).hostname}"
    lock = target.with_name(f".{target.name}.lock")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=options.deadline):
            try:
                if not target.is_file():
                    _with_retries(url, part, options, check)
                    part.replace(target)
            finally:
                part.unlink(missing_ok=True)
                lock.unlink(missing_ok=True)  # while held: who waits for it sees it gone and makes a new one
    except _FailureError as failure:
        raise DownloadError(f"cannot fetch {source}: {failure}") from failure
    except Timeout as error:
        reason = f"another process has been fetching it for download.deadline={options.deadline:g} s"
        raise DownloadError(f"cannot fetch {source}: {reason}") from error
    except OSError as error:
        reason = f"{error.strerror or error}; choose a folder with download.cache=... or NST_CACHE"
        raise DownloadError(f"cannot keep {source} in {target.parent}: {reason}") from error
    return target


def _with_retries(url: str, part: Path, options: Download, check: Callable[[Path], None]) -> None:
    end = time.monotonic() + options.deadline
    for tries in range(1, options.retries + 2):
        try:
            _try_once(url, part, options, end)
            break
        except _FailureError as failure:
            if failure.wait is None:
                raise
            pause = max(failure.wait, options.backoff * 2 ** (tries - 1))
            if tries > options.retries or time.monotonic() + pause > end:
                raise _FailureError(f"{failure} (tried {tries} time{'s' * (tries > 1)})") from failure
            time.sleep(pause)
    try:
        check(part)
    except (ValueError, OSError) as error:
        raise _FailureError(f"what came is not what was wanted: {error}") from error


def _try_once(url: str, part: Path, options: Download, end: float) -> None:
    """Write what `url` gives to `part`, with every failure of the network told as a _FailureError."""
    try:
        with requests.Session() as session:
            session.headers.update({"User-Agent": options.agent, "Accept-Encoding": "identity"})
            with _follow(session, url, options) as response:
                _save(response, part, options, end)
    except requests.exceptions.SSLError as error:
        raise _FailureError("its certificate was not accepted") from error
    except requests.ConnectTimeout as error:
        raise _FailureError(f"no connection within download.connect={options.connect:g} s", wait=0) from error
    except (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError) as error:
        raise _FailureError(f"nothing came for download.timeout={options.timeout:g} s", wait=0) from error
    except requests.exceptions.ProxyError as error:
        raise _FailureError("the proxy did not let it through", wait=0) from error
    except (requests.ConnectionError, urllib3.exceptions.HTTPError) as error:
        raise _FailureError("the connection failed or was cut off", wait=0) from error
    except requests.RequestException as error:
        raise _FailureError(str(error)) from error


def _follow(session: requests.Session, url: str, options: Download) -> requests.Response:
    """Open `url` through its redirects, each hop checked; the answer is a 200 with its body still to read."""
    seconds = (options.connect, options.timeout)
    for _ in range(HOPS + 1):
        _allow(url, options)
        response = session.get(url, stream=True, allow_redirects=False, timeout=seconds)
        onward = session.get_redirect_target(response)
        if response.status_code == requests.codes.ok:
            return response
        response.close()
        if not onward:
            status = response.status_code
            asked = response.headers.get("Retry-After", "")  # seconds; a date we leave to the backoff
            wait = float(asked) if asked.isdecimal() else 0.0
            passing = status == requests.codes.too_many_requests or status >= 500
            raise _FailureError(f"{urlsplit(url).hostname} answered {status}", wait=wait if passing else None)
        url = urljoin(url, onward)
    raise _FailureError(f"more than {HOPS} redirects")


def _allow(url: str, options: Download) -> None:
    """Refuse a URL outside the rules, and one whose host has no address."""
    parts = urlsplit(url)
    if parts.scheme not in options.schemes:
        raise _FailureError(f"{parts.scheme} is not allowed, only {' or '.join(options.schemes)}")
    if parts.hostname is None or parts.hostname not in options.hosts:
        raise _FailureError(f"host {parts.hostname} is not among download.hosts={','.join(options.hosts)}")
    proxy = select_proxy(url, get_environ_proxies(url))  # with one, looking up is its work
    if proxy is None and not _has_address(parts.hostname, options.connect):
        raise _FailureError(f"no address found for {parts.hostname}; is there a network?")


def _has_address(host: str, seconds: float) -> bool:
    """Look a host up; in a thread, because the system's own look-up knows no time-out."""
    found = threading.Event()

    def look() -> None:
        try:
            socket.getaddrinfo(host, None)
        except OSError:
            return
        found.set()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(seconds)
    return found.is_set()


def _save(response: requests.Response, part: Path, options: Download, end: float) -> None:
    """Write the body of an answer to `part` and see it on the disk, within size and time."""
    too_large = f"larger than download.max_megabytes={options.max_megabytes:g}"
    limit = options.max_megabytes * 1e6
    told = response.headers.get("Content-Length", "")
    length = int(told) if told.isdecimal() else None
    if length is not None and length > limit:
        raise _FailureError(f"{length / 1e6:.0f} MB, {too_large}")
    size = 0
    with part.open("wb") as file:
        # read1, because read would wait for a full chunk, and with it the deadline
        while chunk := response.raw.read1(CHUNK, decode_content=False):
            size += len(chunk)
            if size > limit:
                raise _FailureError(too_large)
            if time.monotonic() > end:
                raise _FailureError(f"not whole after download.deadline={options.deadline:g} s")
            file.write(chunk)
        if length is not None and size < length:
            raise _FailureError(f"only {size} of {length} bytes came", wait=0)
        file.flush()
        os.fsync(file.fileno())
