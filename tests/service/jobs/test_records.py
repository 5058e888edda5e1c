from __future__ import annotations

import threading

import pytest

from core.errors import ServiceError
from core.settings import Settings
from service.database import Database
from service.errors import ConflictError, NotFoundError
from service.jobs.records import Jobs


@pytest.fixture
def jobs(settings: Settings) -> Jobs:
    return Jobs(Database.of(settings))


def test_one_at_a_time_of_each_kind(jobs: Jobs) -> None:
    first = jobs.add("reindex", {})
    with pytest.raises(ConflictError, match=f"waiting to run already: job {first.id}") as refused:
        jobs.add("reindex", {})
    assert refused.value.code == "job_running"
    jobs.add("retrain", {})
    assert jobs.claim(first.id) is not None
    with pytest.raises(ConflictError, match="is running already"):
        jobs.add("reindex", {})


def test_of_many_who_ask_at_once_one_gets_its_job(jobs: Jobs) -> None:
    outcomes: list[bool] = []

    def ask() -> None:
        try:
            jobs.add("reindex", {})
            outcomes.append(True)
        except ConflictError:
            outcomes.append(False)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(outcomes) == [False] * 7 + [True]


def test_a_job_is_claimed_once_and_by_a_later_run_taken_from_the_earlier(jobs: Jobs) -> None:
    job_id = jobs.add("reindex", {}).id
    first = jobs.claim(job_id)
    assert first is not None
    assert jobs.claim(job_id) is None
    assert jobs.beat(first, {"done": 1}, []) is False
    assert jobs.end(first, "queued")  # its worker looked dead
    second = jobs.claim(job_id)
    assert second is not None
    assert jobs.beat(first, {"done": 2}, []) is None
    assert not jobs.end(first, "done", result={})
    assert jobs.end(second, "done", result={"documents": 3})
    assert jobs.get(job_id).result == {"documents": 3}


def test_the_newest_come_first_and_what_has_ended_cannot_be_cancelled(jobs: Jobs) -> None:
    ids = []
    for _ in range(3):
        job = jobs.claim(jobs.add("reindex", {}).id)
        assert job is not None
        jobs.end(job, "done")
        ids.append(job.id)
    assert [job.id for job in jobs.list(2)] == ids[:0:-1]
    with pytest.raises(ConflictError, match="it is done"):
        jobs.cancel(ids[0])
    with pytest.raises(NotFoundError):
        jobs.cancel("nope")


def test_what_ended_long_ago_is_forgotten(jobs: Jobs) -> None:
    waiting, ended = jobs.add("retrain", {}), jobs.claim(jobs.add("reindex", {}).id)
    assert ended is not None
    jobs.end(ended, "done")
    jobs.forget(1)
    assert len(jobs.list()) == 2
    jobs.forget(0)
    assert [job.id for job in jobs.list()] == [waiting.id]


def test_a_database_that_is_away_is_told(settings: Settings) -> None:
    settings.data_dir.parent.mkdir(parents=True, exist_ok=True)
    settings.data_dir.write_text("in the way")
    with pytest.raises(ServiceError) as told:
        Jobs(Database.of(settings)).list()
    assert told.value.code == "database_unavailable"
