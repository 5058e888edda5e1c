"""`inhouse worker`: runs queued jobs, one of each kind at a time, and looks after those whose worker died.

Any number of workers may run, on any machine that reaches the database, the queue and the data folder.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING

from core.errors import InhouseError, ServiceError
from service.database import Database
from service.errors import ConflictError
from service.jobs.kinds import KINDS, SCHEDULED, Kind
from service.jobs.queue import Queue
from service.jobs.records import Job, Jobs, Line, State
from service.jobs.running import JobCancelled, JobLost, Run, WorkerStopping

if TYPE_CHECKING:
    from core.settings import Settings

log = logging.getLogger("inhouse.jobs")

GRACE_S = 20  # a stopped worker waits so long for its jobs to reach a point where they can be left
NICE = 10  # answers come first: an idle machine loses nothing by it
MOST_RUNS = 5  # of a job whose worker dies each time, as of too little memory
_LOOK_S = 0.2
_TEND_S = 2.0
_FORGET_S = 3600.0
_UNHEARD_S = 3.0  # a job that is queued for longer, while the queue is empty, is sent again


class Worker:
    """`kinds` stand in for the work itself, in tests."""

    def __init__(self, settings: Settings, kinds: Mapping[str, Kind] = KINDS) -> None:
        self._settings = settings
        self._kinds = kinds
        self._database = Database.of(settings)
        self._jobs = Jobs(self._database)
        self._queue = Queue(settings, work=self.work, tick=self.tick)
        self._stopping = False
        self._tended = self._forgot = float("-inf")

    def run(self) -> None:
        """Blocks until a signal, or until the process that started this one as its worker is gone.

        Raises ConfigurationError where a setting is wrong, ServiceError where the queue is away at the start.
        """
        from huey.consumer import Consumer

        consumer = Consumer(
            self._queue.huey, workers=len(self._kinds), max_delay=1.0, shutdown_timeout=GRACE_S
        )
        consumer.start()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        log.info("the worker is ready", extra={"pid": os.getpid()})
        parent = multiprocessing.parent_process()
        while not self._stopping and (parent is None or parent.is_alive()):
            self._tend()
            time.sleep(_LOOK_S)
        self._stopping = True
        consumer.stop(graceful=True)
        self._database.close()

    def work(self, job_id: str) -> None:
        """Runs the job, unless it is not queued any more."""
        job = self._jobs.claim(job_id)
        if job is None:
            return
        where = {"job_id": job.id, "kind": job.kind}
        log.info("job begins", extra=where)
        run = Run(self._jobs, job, lambda: self._stopping)
        kind = self._kinds[job.kind]
        try:
            with run:
                result = kind.work(self._settings, job.arguments, run)
        except JobCancelled:
            run.end("cancelled")
        except JobLost:
            log.warning("the job was taken by another worker", extra=where)
        except WorkerStopping:
            run.say("The worker was stopped.")
            if kind.repeatable:
                run.end("queued")
            else:
                run.end("failed", error="The worker was stopped while the job ran; start it again.")
        except InhouseError as error:
            run.end("failed", error=error.message)
        except Exception as error:  # it has no caller to tell; the trace is in the log
            log.exception("a job met a fault of ours", extra=where)
            run.end("failed", error=f"Unexpected fault: {type(error).__name__}: {error}")
        else:
            run.end("done", result=result)
        log.info("job ended", extra=where)

    def tick(self, kind: str) -> None:
        """A scheduled job."""
        try:
            self._queue.send(self._jobs.add(kind, SCHEDULED[kind]).id)
        except ConflictError:
            log.info("no scheduled %s: one is queued or runs already", kind)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _tend(self) -> None:
        now = time.monotonic()
        if now - self._tended < min(_TEND_S, self._settings.jobs.dead_after_s / 3):
            return
        self._tended = now
        try:
            tend(self._jobs, self._queue, self._kinds, self._settings.jobs.dead_after_s)
            if now - self._forgot > _FORGET_S:
                self._jobs.forget(self._settings.jobs.keep_days)
                self._forgot = now
        except ServiceError as error:
            log.warning("%s", error)


def tend(jobs: Jobs, queue: Queue, kinds: Mapping[str, Kind], dead_after_s: float) -> None:
    """Puts jobs of dead workers back or ends them, and sends again what the queue has lost.

    Raises ServiceError.
    """
    now = datetime.now(UTC)
    for job in jobs.in_state("running"):
        if (now - (job.seen or job.created)).total_seconds() > dead_after_s:
            _bury(jobs, job, kinds[job.kind].repeatable)
    waiting = jobs.in_state("queued")
    if waiting and queue.is_empty():
        for job in waiting:
            if job.runs or (now - job.created).total_seconds() > _UNHEARD_S:
                queue.send(job.id)


def _bury(jobs: Jobs, job: Job, repeatable: bool) -> None:
    log.warning("the worker of a job died", extra={"job_id": job.id, "kind": job.kind})
    state: State = "failed"
    error = ""
    if job.cancel_asked:
        state = "cancelled"
    elif not repeatable:
        error = "The worker died while the job ran; start it again."
    elif job.runs >= MOST_RUNS:
        error = f"The worker died {job.runs} times while the job ran; see its log."
    else:
        state = "queued"
    jobs.end(job, state, error=error, lines=[Line(datetime.now(UTC), "The worker died.")])


def run_worker(settings: Settings) -> None:
    """The whole process. Raises as `Worker.run`."""
    from service import logs

    logs.configure()
    sys.stdout = sys.stderr  # of a server whose worker this is, stdout is for its address alone
    os.nice(NICE)
    Worker(settings).run()
