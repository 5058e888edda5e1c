"""The jobs as the database knows them: who is queued, who runs, what came of it.

This table is the truth; the queue only wakes a worker. Each change states what the row must be for it to
happen, so that of several workers, servers and cancels that meet, one wins and the others see that it did.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, Update, delete, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from core.errors import ServiceError
from service.database import Database
from service.errors import ConflictError, NotFoundError
from service.redaction import storable
from service.tables import job_lines, jobs

State = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED = ("done", "failed", "cancelled")
MOST_LINES = 1000  # of a job that are shown


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    kind: str
    state: State
    arguments: dict[str, Any]
    progress: dict[str, Any] | None
    result: dict[str, Any] | None
    error: str
    cancel_asked: bool
    runs: int  # which of its runs this is: a worker may write for its own run only
    created: datetime
    started: datetime | None
    seen: datetime | None
    ended: datetime | None

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind,
            "state": self.state,
            "arguments": self.arguments,
            "progress": self.progress,
            "result": self.result,
            "error": self.error,
            "cancel_asked": self.cancel_asked,
            "created": _iso(self.created),
            "started": _iso(self.started),
            "ended": _iso(self.ended),
        }


@dataclass(frozen=True, slots=True)
class Line:
    time: datetime
    text: str

    def to_json(self) -> dict[str, Any]:
        return {"time": _iso(self.time), "line": self.text}


class Jobs:
    """Thread-safe. Every method raises ServiceError where the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, kind: str, arguments: Mapping[str, Any]) -> Job:
        """A queued job. Raises ConflictError while one of its kind is queued or runs."""
        row = {
            "id": str(uuid.uuid4()),
            "kind": kind,
            "state": "queued",
            "arguments": dict(arguments),
            "created": _now(),
        }
        try:
            with self._begin() as connection:
                connection.execute(insert(jobs).values(row))
                return _only(connection, select(jobs).where(jobs.c.id == row["id"]))
        except IntegrityError as error:  # there is a unique index over those that have not ended
            raise ConflictError(self._busy_with(kind), code="job_running") from error

    def discard(self, job_id: str) -> None:
        """Forgets a job that was added and could not be handed over."""
        with self._begin() as connection:
            connection.execute(delete(jobs).where(jobs.c.id == job_id, jobs.c.state == "queued"))

    def get(self, job_id: str) -> Job:
        """Raises NotFoundError."""
        with self._begin() as connection:
            row = connection.execute(select(jobs).where(jobs.c.id == storable(job_id))).first()
        if row is None:
            raise NotFoundError(f"There is no job {job_id}: see GET /admin/jobs.", code="unknown_job")
        return _job(row)

    def list(self, limit: int = 50) -> Sequence[Job]:
        """Newest first."""
        return self._found(select(jobs).order_by(jobs.c.created.desc(), jobs.c.id).limit(limit))

    def in_state(self, state: State) -> Sequence[Job]:
        return self._found(select(jobs).where(jobs.c.state == state).order_by(jobs.c.created))

    def lines(self, job_id: str) -> Sequence[Line]:
        """The newest lines of its log, oldest first."""
        query = select(job_lines.c.time, job_lines.c.line).where(job_lines.c.job_id == storable(job_id))
        with self._begin() as connection:
            rows = connection.execute(query.order_by(job_lines.c.id.desc()).limit(MOST_LINES)).all()
        return [Line(_utc(time), text) for time, text in reversed(rows)]

    def cancel(self, job_id: str) -> Job:
        """A queued job never starts; a running one is asked to stop. Raises NotFoundError, ConflictError."""
        now = _now()
        queued = _when(job_id, "queued").values(state="cancelled", cancel_asked=True, ended=now)
        running = _when(job_id, "running").values(cancel_asked=True)
        with self._begin() as connection:
            for change in (queued, running, queued):  # it may change from one to the other meanwhile
                if connection.execute(change).rowcount:
                    break
        job = self.get(job_id)
        if job.state in ("done", "failed"):
            raise ConflictError(f"The job has ended already: it is {job.state}.", code="job_ended")
        return job

    def claim(self, job_id: str) -> Job | None:
        """Makes a queued job this caller's to run; None where it is not queued (any more)."""
        now = _now()
        begun = _when(job_id, "queued").values(
            state="running", started=now, seen=now, progress=None, runs=jobs.c.runs + 1
        )
        with self._begin() as connection:
            if not connection.execute(begun).rowcount:
                return None
            return _only(connection, select(jobs).where(jobs.c.id == job_id))

    def beat(self, job: Job, progress: Mapping[str, Any] | None, lines: Sequence[Line]) -> bool | None:
        """Says that the run lives and how far it is. Whether to stop; None: the job is another run's now."""
        values = {"seen": _now(), **({"progress": dict(progress)} if progress else {})}
        with self._begin() as connection:
            if not connection.execute(_run(job).values(values)).rowcount:
                return None
            _write_lines(connection, job, lines)
            asked = connection.execute(select(jobs.c.cancel_asked).where(jobs.c.id == job.id)).scalar_one()
        return bool(asked)

    def end(
        self,
        job: Job,
        state: State,
        *,
        result: Mapping[str, Any] | None = None,
        error: str = "",
        lines: Sequence[Line] = (),
    ) -> bool:
        """Ends a run, or puts it back (`queued`). False where it is not this run's any more."""
        values: dict[str, Any] = {"state": state, "error": error}
        values["result"] = dict(result) if result is not None else None
        if state in ENDED:
            values["ended"] = _now()
        with self._begin() as connection:
            if not connection.execute(_run(job).values(values)).rowcount:
                return False
            _write_lines(connection, job, lines)
        return True

    def forget(self, days: int) -> None:
        """Deletes jobs that ended longer ago, with their lines."""
        with self._begin() as connection:
            connection.execute(delete(jobs).where(jobs.c.ended < _now() - timedelta(days=days)))

    def _busy_with(self, kind: str) -> str:
        query = select(jobs.c.id, jobs.c.state).where(jobs.c.kind == kind, jobs.c.state.not_in(ENDED))
        with self._begin() as connection:
            row = connection.execute(query).first()
        if row is None:  # it ended while we looked
            return f"A {kind} was still running; ask again."
        does = "is running" if row.state == "running" else "is waiting to run"
        return f"A {kind} {does} already: job {row.id}. Wait for it, or cancel it."

    def _found(self, query: Select[Any]) -> Sequence[Job]:
        with self._begin() as connection:
            return [_job(row) for row in connection.execute(query)]

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        try:
            with self._database.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except (SQLAlchemyError, OSError) as error:
            raise ServiceError(
                "The database of the jobs cannot be reached; try again later.", code="database_unavailable"
            ) from error


def _when(job_id: str, state: State) -> Update:
    return update(jobs).where(jobs.c.id == storable(job_id), jobs.c.state == state)


def _run(job: Job) -> Update:
    return _when(job.id, "running").where(jobs.c.runs == job.runs)


def _write_lines(connection: Connection, job: Job, lines: Sequence[Line]) -> None:
    if lines:
        rows = [{"job_id": job.id, "time": line.time, "line": line.text} for line in lines]
        connection.execute(insert(job_lines), rows)


def _only(connection: Connection, query: Select[Any]) -> Job:
    return _job(connection.execute(query).one())


def _job(row: Row[Any]) -> Job:
    values = dict(row._mapping)
    for name in ("created", "started", "seen", "ended"):
        values[name] = _utc(values[name]) if values[name] is not None else None
    return Job(**values)


def _now() -> datetime:
    return datetime.now(UTC)


def _utc(moment: datetime) -> datetime:
    """SQLite forgets the zone."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds") if moment else None
