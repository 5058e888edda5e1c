"""One run of a job: says that it lives, how far it is and what happened, and learns that it should stop.

A thread of its own beats twice a second, so that a job that is silent for minutes (a model is loaded, a large
batch embedded) does not look dead. What tells a job to stop is raised where it reports its progress.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from core.errors import ServiceError
from service.jobs.records import Job, Jobs, Line, State

log = logging.getLogger("inhouse.jobs")

BEAT_S = 0.5  # at most twice a second the progress is written
LINE_S = 5.0  # between two lines of progress in the job's log
MOST_PENDING = 1000  # lines that wait for a database that is away
ENDING_S = 30.0  # how long the end of a job is tried to be written

UNITS = {
    "indexing": "files",
    "embedding": "passages",
    "embedding other folders": "documents",
    "write questions": "documents",
    "check questions by retrieval": "questions",
    "collect passages": "questions",
    "train": "steps",
}


class JobStopped(BaseException):
    """Not an Exception: work that catches those of a single document must not catch this."""


class JobCancelled(JobStopped):
    """Somebody cancelled it."""


class WorkerStopping(JobStopped):
    """The worker is told to end."""


class JobLost(JobStopped):
    """The worker was silent for too long, and the job is another's now."""


class Run:
    """A context around the work. `progress` is what `core.progress.Progress` asks for."""

    def __init__(self, jobs: Jobs, job: Job, stopping: Callable[[], bool] = lambda: False) -> None:
        self.job = job
        self._jobs = jobs
        self._stopping = stopping
        self._cancelled = self._lost = False
        self._progress: dict[str, Any] | None = None
        self._pending: list[Line] = []
        self._writing = threading.Lock()
        self._over = threading.Event()
        self._beating = threading.Thread(target=self._beat_until_over, name=f"beat-{job.id}", daemon=True)
        self._stage, self._stage_began, self._last_line = "", 0.0, 0.0

    def __enter__(self) -> Run:
        self._beating.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._beating.join()

    def check(self) -> None:
        """Raises JobStopped where the work should not go on."""
        if self._lost:
            raise JobLost
        if self._cancelled:
            raise JobCancelled
        if self._stopping():
            raise WorkerStopping

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        """As `core.progress.Progress`. Raises JobStopped."""
        self.check()
        now = time.monotonic()
        begins, ends = stage != self._stage, 0 < total <= done
        if begins:
            self._stage, self._stage_began = stage, now
        elapsed = now - self._stage_began
        left = (total - done) * elapsed / done if done and total and elapsed > 0.5 else None
        text = f"{stage} ({note})" if note else stage
        self._progress = {
            "done": done,
            "total": total,
            "unit": UNITS.get(stage, "questions" if stage.startswith(("ask ", "evaluate ")) else "items"),
            "text": text,
            "seconds_left": 0 if ends else None if left is None else round(left),
        }
        if begins or ends or now - self._last_line > LINE_S:
            self._last_line = now
            self.say(f"{stage}: {done}/{total}" + (f" ({note})" if note else "") if total else text)

    def say(self, text: str) -> None:
        """A line in the job's log."""
        with self._writing:
            self._pending.append(Line(datetime.now(UTC), text))
            del self._pending[:-MOST_PENDING]

    def wait(self, seconds: float) -> None:
        """Sleeps. Raises JobStopped."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.check()
            time.sleep(0.05)

    def end(self, state: State, *, result: Mapping[str, Any] | None = None, error: str = "") -> None:
        """Writes how it ended, after the context was left.

        A database that is away is asked again for a while; after that the job looks dead, and is run again.
        """
        until = time.monotonic() + ENDING_S
        while True:
            try:
                if not self._jobs.end(self.job, state, result=result, error=error, lines=self._pending):
                    log.warning("the job was taken by another worker", extra={"job_id": self.job.id})
                return
            except ServiceError as fault:
                if time.monotonic() > until:
                    raise
                log.warning("the end of a job cannot be written yet: %s", fault)
                time.sleep(1)

    def _beat_until_over(self) -> None:
        while not self._over.wait(BEAT_S):
            self._beat()

    def _beat(self) -> None:
        with self._writing:
            lines, self._pending = self._pending, []
        try:
            told = self._jobs.beat(self.job, self._progress, lines)
        except ServiceError as error:
            log.warning("the progress of a job cannot be written: %s", error)
            with self._writing:
                self._pending = lines + self._pending
            return
        self._lost = told is None
        self._cancelled = bool(told)
