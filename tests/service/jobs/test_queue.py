from __future__ import annotations

import itertools
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import ServiceError
from core.settings import JobSettings, ServiceSettings, Settings
from service.jobs.queue import Queue, _is_due
from service.jobs.worker import Worker
from tests.service.jobs.conftest import Office, eventually


class RedisServer:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        eventually(self.answers)

    def answers(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed")
    redis = RedisServer(tmp_path)
    yield redis
    redis.kill()


def test_jobs_over_redis_go_on_after_redis_was_killed(redis: RedisServer, settings: Settings) -> None:
    url = f"redis://127.0.0.1:{redis.port}/0"
    with closing(Office(settings.model_copy(update={"service": ServiceSettings(redis_url=url)}))) as office:
        office.hire()
        office.wait_for(office.add("reindex"), "done")
        running = office.add("retrain", steps=60)
        waiting = office.jobs.add("reindex", {"steps": 1})  # its message is lost with Redis
        office.wait_until_counting(running)
        redis.kill()
        asked = time.monotonic()
        with pytest.raises(ServiceError) as told:
            office.queue.send(waiting.id)
        assert told.value.code == "queue_unavailable"
        assert time.monotonic() - asked < 2
        redis.start()
        for job_id in (running, waiting.id):
            office.wait_for(job_id, "done")
            assert office.began(job_id) == 1


def test_a_message_is_json(settings: Settings) -> None:
    queue = Queue(settings)
    queue.send("some-job")
    (message,) = queue.huey.storage.enqueued_items()
    assert bytes(message).startswith(b'{"id":')
    assert queue.huey.dequeue().args == ("some-job",)


def test_a_scheduled_reindex_is_due_every_so_many_minutes() -> None:
    start = datetime(2026, 11, 25, tzinfo=UTC).replace(tzinfo=None)
    due = [minute for minute in range(300) if _is_due(start + timedelta(minutes=minute), 90)]
    assert len(due) in (3, 4)
    assert {later - earlier for earlier, later in itertools.pairwise(due)} == {90}


def test_a_scheduled_reindex_is_queued_unless_one_is_queued(settings: Settings) -> None:
    assert Queue(settings, tick=lambda kind: None).huey._registry.periodic_tasks == []
    scheduled = settings.model_copy(update={"jobs": JobSettings(reindex_every_minutes=5)})
    worker = Worker(scheduled)
    (task,) = worker._queue.huey._registry.periodic_tasks
    task.execute()
    task.execute()
    (job,) = worker._jobs.list()
    assert (job.kind, job.state, job.arguments) == ("reindex", "queued", {"paths": [], "full": False})
    assert worker._queue.huey.storage.queue_size() == 1


def test_a_replay_of_the_log_has_a_schedule_of_its_own(settings: Settings) -> None:
    jobs = JobSettings(reindex_every_minutes=5, replay_every_minutes=60 * 24)
    worker = Worker(settings.model_copy(update={"jobs": jobs}))
    tasks = worker._queue.huey._registry.periodic_tasks
    for task in tasks:
        task.execute()
    assert sorted(job.kind for job in worker._jobs.list()) == ["reindex", "replay"]
    day = datetime(2026, 11, 25)
    due = [sum(task.validate_datetime(day + timedelta(minutes=m)) for m in range(24 * 60)) for task in tasks]
    assert sorted(due) == [1, 288]
