"""Jobs in real worker processes, which are stopped and killed in the middle."""

from __future__ import annotations

import os
import signal
import time

from service.jobs.queue import FILE
from tests.service.jobs.conftest import Office, eventually

LONG = 1000  # steps: nearly a minute, if nobody stops it


def test_a_job_tells_its_progress_its_log_and_its_result(office: Office) -> None:
    office.hire()
    job_id = office.add(steps=40)
    progress = eventually(lambda: (job := office.jobs.get(job_id)).state == "running" and job.progress)
    assert (progress["total"], progress["unit"], progress["text"]) == (40, "items", "counting")
    job = office.wait_for(job_id, "done")
    assert job.result == {"counted": 40}
    assert job.started is not None
    assert job.ended is not None
    assert job.created <= job.started <= job.ended
    assert office.jobs.lines(job_id)[0].text == "counting: 0/40"
    failing = office.add(fault=True)
    assert office.wait_for(failing, "failed").error == "There is nothing to count."


def test_jobs_wait_for_a_worker_also_where_the_queue_was_lost(office: Office) -> None:
    first, second = office.add("reindex"), office.add("retrain")
    office.queue.huey.storage.close()
    for path in office.settings.data_dir.glob(f"{FILE}*"):
        path.unlink()
    office.hire()
    for job_id in (first, second):
        office.wait_for(job_id, "done")
        assert office.began(job_id) == 1


def test_two_workers_run_each_job_once(office: Office) -> None:
    office.hire()
    office.hire()
    for _ in range(6):
        job_id = office.add(steps=1)
        for _ in range(4):  # messages that come twice
            office.queue.send(job_id)
        office.wait_for(job_id, "done")
        assert office.began(job_id) == 1


def test_the_jobs_of_a_killed_worker_are_run_again_or_failed(office: Office) -> None:
    killed = office.hire()
    again, failed = office.add("reindex", steps=30), office.add("retrain", steps=LONG)
    office.wait_until_counting(again)
    office.wait_until_counting(failed)
    killed.kill()
    killed.join()
    office.hire()
    assert "worker died" in office.wait_for(failed, "failed").error
    assert office.wait_for(again, "done").result == {"counted": 30}
    assert (office.began(again), office.began(failed)) == (2, 1)


def test_a_stopped_worker_puts_back_what_can_be_run_again(office: Office) -> None:
    stopped = office.hire()
    again, failed = office.add("reindex", steps=30), office.add("retrain", steps=LONG)
    office.wait_until_counting(again)
    office.wait_until_counting(failed)
    assert stopped.pid is not None
    os.kill(stopped.pid, signal.SIGTERM)
    stopped.join(10)
    assert stopped.exitcode == 0
    assert office.jobs.get(again).state == "queued"
    assert "worker was stopped" in office.jobs.get(failed).error
    office.hire()
    office.wait_for(again, "done")


def test_a_cancelled_job_stops_soon_or_never_starts(office: Office) -> None:
    never = office.add(steps=1)
    assert office.jobs.cancel(never).state == "cancelled"
    office.hire()
    running = office.add(steps=LONG)
    office.wait_until_counting(running)
    asked = time.monotonic()
    office.jobs.cancel(running)
    assert office.wait_for(running, "cancelled").result is None
    assert time.monotonic() - asked < 3
    office.wait_for(office.add(steps=1), "done")
    assert office.began(never) == 0


def test_a_job_that_was_cancelled_before_its_worker_died_is_not_run_again(office: Office) -> None:
    job = office.jobs.claim(office.jobs.add("reindex", {"steps": 1}).id)  # by a worker that is silent
    assert job is not None
    office.jobs.cancel(job.id)
    office.hire()
    office.wait_for(job.id, "cancelled")
    assert office.began(job.id) == 0
