"""POST /admin/reindex and /admin/retrain, GET /admin/jobs[/{id}], DELETE /admin/jobs/{id}."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from core.errors import ServiceError
from service.auth import require_admin
from service.deps import LiveDep, SettingsDep
from service.jobs.queue import Queue
from service.jobs.records import Jobs
from service.jobs.requests import ReindexRequest, RetrainRequest

router = APIRouter(prefix="/admin", dependencies=[Depends(require_admin)])


def _jobs(request: Request) -> Jobs:
    return Jobs(request.app.state.database)


def _queue(request: Request) -> Queue:
    queue: Queue = request.app.state.queue
    return queue


JobsDep = Annotated[Jobs, Depends(_jobs)]
QueueDep = Annotated[Queue, Depends(_queue)]


@router.post("/reindex", status_code=202)
def reindex(
    body: ReindexRequest, settings: SettingsDep, live: LiveDep, jobs: JobsDep, queue: QueueDep
) -> dict[str, str]:
    """Brings the index up to date with folders, in a worker. The server answers meanwhile."""
    return _start("reindex", body.arguments(settings, live.index.folders), jobs, queue)


@router.post("/retrain", status_code=202)
def retrain(body: RetrainRequest, settings: SettingsDep, jobs: JobsDep, queue: QueueDep) -> dict[str, str]:
    """Tunes a model in a worker and promotes it if it is better."""
    return _start("retrain", body.arguments(settings), jobs, queue)


@router.get("/jobs")
def jobs(jobs: JobsDep, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> dict[str, Any]:
    return {"jobs": [job.to_json() for job in jobs.list(limit)]}


@router.get("/jobs/{job_id}")
def job(job_id: str, jobs: JobsDep) -> dict[str, Any]:
    job = jobs.get(job_id)  # first: the last line is written with the end
    return {**job.to_json(), "lines": [line.to_json() for line in jobs.lines(job_id)]}


@router.delete("/jobs/{job_id}")
def cancel(job_id: str, jobs: JobsDep) -> dict[str, Any]:
    """A queued job never starts. A running one stops soon, with nothing half done."""
    return jobs.cancel(job_id).to_json()


def _start(kind: str, arguments: Mapping[str, Any], jobs: Jobs, queue: Queue) -> dict[str, str]:
    job = jobs.add(kind, arguments)
    try:
        queue.send(job.id)
    except ServiceError:
        jobs.discard(job.id)
        raise
    return {"job_id": job.id}
