"""The line of what is to be painted: one job at a time, first come, first served."""

import logging
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nst.experiment import status
from nst.serve.child import Child
from nst.serve.limits import Limits, RefusedError

log = logging.getLogger("nst")
HEAD_START = 3.0
"""Seconds that a job waits for its first result at most: both at once would take both longer."""
FIRST_STAYS = 0.1
"""Fraction of a picture's work that is done when the first result is no longer shown: it looks better until then."""
TICK = 0.25
"""Seconds between two looks at a job that says nothing."""


@dataclass(eq=False)
class Job:
    """One thing to be painted.

    Attributes:
        folder: Of the run; its name is the job's.
        owner: The visitor's folder.
        task: What the process does, see `Child`; `arguments` are its arguments.
        live: What it said last, without the picture.
        first: The job of its first result, which is done beside the line; this one waits a little for it.
        records: Whether its end is written down in its folder.
        picture: The live picture, a JPEG; `number` counts them.
        asked_to_stop: Why; None: it was not.
    """

    folder: Path
    owner: Path
    task: str
    arguments: tuple[Any, ...]
    first: "Job | None" = None
    records: bool = True
    ended: threading.Event = field(default_factory=threading.Event)
    live: dict[str, Any] = field(default_factory=dict)
    picture: bytes | None = None
    number: int = 0
    asked_to_stop: str | None = None
    child: Child | None = None

    def shown(self) -> tuple[int, bytes | None]:
        """Return the number of the picture to show, and the picture: the first result until there is a better one."""
        if self.first is not None and self.first.picture is not None and self.live.get("done", 0) < FIRST_STAYS:
            return 1, self.first.picture
        return self.number and self.number + 1, self.picture


class Line:
    """Jobs in the order in which they came, and the thread that does them one by one.

    Args:
        limits: Of the page.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._jobs: list[Job] = []  # the first is at work
        self._changed = threading.Condition()
        self._closed = False
        self._seen: dict[Path, float] = {}
        self._thread = threading.Thread(target=self._work, name="line")
        self._guard = threading.Thread(target=self._watch, name="guard", daemon=True)
        self._thread.start()
        self._guard.start()

    def add(self, job: Job) -> None:
        """Put a job at the end.

        Raises:
            RefusedError: The line is full, or this visitor's part of it.
        """
        with self._changed:
            if self._closed:
                raise RefusedError("this page is being closed; come back later")
            if len(self._jobs) >= self.limits.queue:
                raise RefusedError(f"{len(self._jobs)} pictures are waiting already; come back later")
            if sum(one.owner == job.owner for one in self._jobs) >= self.limits.waiting:
                raise RefusedError(f"you have {self.limits.waiting} pictures in the queue; wait for one, or stop it")
            self._seen[job.owner] = time.monotonic()
            self._jobs.append(job)
            self._changed.notify_all()

    def find(self, folder: Path) -> Job | None:
        """Return the job of a run, if it waits or is at work."""
        with self._changed:
            return next((job for job in self._jobs if job.folder == folder), None)

    def stop(self, folder: Path, why: str = "you stopped it") -> None:
        """Stop the job of a run; what is painted is kept."""
        with self._changed:
            job = next((job for job in self._jobs if job.folder == folder), None)
            if job is not None:
                self._stop(job, why)

    def _stop(self, job: Job, why: str) -> None:
        job.asked_to_stop = why
        if job.child is not None:
            job.child.stop(signal.SIGINT)
        elif job is not self._jobs[0]:
            self._jobs.remove(job)
            job.ended.set()

    def of(self, owner: Path) -> list[dict[str, Any]]:
        """Return what a visitor sees of the line: its own jobs with their places, 0 for the one at work."""
        with self._changed:
            return [
                {"id": job.folder.name, "place": place, "picture": job.shown()[0], **job.live}
                for place, job in enumerate(self._jobs)
                if job.owner == owner
            ]

    def seen(self, owner: Path) -> None:
        """Note that a visitor's browser is there."""
        self._seen[owner] = time.monotonic()

    def close(self) -> None:
        """Stop the job at work, which keeps its picture, and forget the others, which can be started again."""
        with self._changed:
            self._closed = True
            del self._jobs[1:]
            if self._jobs:
                self._stop(self._jobs[0], "the page was closed")
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._closed)
                if not self._jobs:
                    return
                job = self._jobs[0]
            if job.first is not None:
                job.first.ended.wait(HEAD_START)
            with self._changed:
                if job.asked_to_stop is None:
                    job.child = Child(job.task, *job.arguments)
            try:
                if job.child is not None:
                    self._follow(job, job.child)
            except Exception:  # the next job must have its turn
                log.exception("error: the page lost a job")
            finally:
                with self._changed:
                    self._jobs.remove(job)
                    if job.child is not None:
                        job.child.close()
                job.ended.set()

    def _follow(self, job: Job, child: Child) -> None:
        """Take what a job says until its end."""
        end = time.monotonic() + self.limits.seconds
        while True:
            message = child.next(TICK)
            if message is None:
                if time.monotonic() > end and job.asked_to_stop is None:
                    with self._changed:
                        self._stop(job, f"stopped after {self.limits.seconds:g} seconds, the limit of this page")
                continue
            kind, what = message
            if kind == "news":
                picture = what.pop("picture", None)
                with self._changed:
                    job.live = job.live | what
                    if picture is not None:
                        job.picture, job.number = picture, job.number + 1
                if time.monotonic() > end and job.asked_to_stop is None:
                    with self._changed:
                        self._stop(job, f"stopped after {self.limits.seconds:g} seconds, the limit of this page")
                continue
            if not job.records:
                return
            if kind == "refused":
                self._note_end(job, what)
            elif job.asked_to_stop and status.read(job.folder).get("state") == "interrupted":
                _note(job.folder, "interrupted", job.asked_to_stop)
            return

    def _note_end(self, job: Job, why: str) -> None:
        """Write down how a job ended that did not do so itself."""
        if job.asked_to_stop:
            _note(job.folder, "interrupted", job.asked_to_stop)
        elif status.read(job.folder).get("state") in (None, "running", "killed"):
            _note(job.folder, "failed", why)

    def _watch(self) -> None:
        """Stop the jobs of visitors whose browser is gone."""
        while not self._closed:
            time.sleep(1)
            with self._changed:
                gone = time.monotonic() - self.limits.patience
                for job in list(self._jobs):
                    if self._seen.get(job.owner, 0) < gone and job.asked_to_stop is None:
                        self._stop(job, "your browser was closed")
                owners = {job.owner for job in self._jobs}
                self._seen = {owner: when for owner, when in self._seen.items() if when >= gone or owner in owners}


def _note(folder: Path, state: str, reason: str) -> None:
    fields = {k: v for k, v in status.read(folder).items() if k not in ("state", "reason", "now", "pid", "host")}
    status.write(folder, state, reason, **fields)
