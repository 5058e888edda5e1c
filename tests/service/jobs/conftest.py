"""Real worker processes whose work counts slowly, and leaves a line each time that it begins."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidInputError
from core.settings import JobSettings, Settings
from service.database import Database
from service.jobs.kinds import Kind
from service.jobs.queue import Queue
from service.jobs.records import Job, Jobs
from service.jobs.running import Run
from service.jobs.worker import Worker

STEP_S = 0.05


def count(settings: Settings, arguments: Mapping[str, Any], run: Run) -> dict[str, Any]:
    with open(settings.data_dir / "began", "a") as began:
        began.write(f"{run.job.id}\n")
    for done in range(arguments["steps"]):
        run.progress("counting", done, arguments["steps"])
        time.sleep(STEP_S)
    if arguments.get("fault"):
        raise InvalidInputError("There is nothing to count.")
    return {"counted": arguments["steps"]}


COUNTING = {"reindex": Kind(count, repeatable=True), "retrain": Kind(count, repeatable=False)}


def run_worker(settings: Settings) -> None:
    Worker(settings, COUNTING).run()


def eventually(read: Callable[[], Any], seconds: float = 30) -> Any:
    """The first true value that it reads."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if value := read():
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s")


class Office:
    """The jobs of one installation, and its workers."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database.of(settings)
        self.jobs = Jobs(self.database)
        self.queue = Queue(settings)
        self.workers: list[SpawnProcess] = []

    def hire(self) -> SpawnProcess:
        worker = multiprocessing.get_context("spawn").Process(target=run_worker, args=(self.settings,))
        worker.start()
        self.workers.append(worker)
        return worker

    def add(self, kind: str = "reindex", steps: int = 2, **arguments: Any) -> str:
        job = self.jobs.add(kind, {"steps": steps, **arguments})
        self.queue.send(job.id)
        return job.id

    def wait_for(self, job_id: str, *states: str) -> Job:
        def reached() -> Job | None:
            job = self.jobs.get(job_id)
            return job if job.state in states else None

        job: Job = eventually(reached)
        return job

    def wait_until_counting(self, job_id: str) -> None:
        eventually(lambda: (self.jobs.get(job_id).progress or {}).get("done"))

    def began(self, job_id: str) -> int:
        path = self.settings.data_dir / "began"
        return path.read_text().split().count(job_id) if path.exists() else 0

    def close(self) -> None:
        for worker in self.workers:
            if worker.is_alive():
                worker.kill()
            worker.join()
        self.database.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", jobs=JobSettings(dead_after_s=3))


@pytest.fixture
def office(settings: Settings) -> Iterator[Office]:
    os.environ.pop("INHOUSE_CONFIG", None)
    with closing(Office(settings)) as office:
        yield office
