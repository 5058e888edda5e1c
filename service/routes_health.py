"""GET /health/live: the process runs. GET /health/ready: it can answer questions."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from core.errors import ServiceError
from service.deps import LiveDep

router = APIRouter(prefix="/health")


@router.get("/live")
async def live() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/ready")
def ready(live: LiveDep) -> dict[str, Any]:
    """503 with the reason while models load, where they cannot be loaded, before anything is indexed, and
    while the index cannot be searched.
    """
    if live.loading:
        raise ServiceError("The models are being loaded: ask again in a moment.", code="loading")
    live.check_index()
    live.index.check()
    return {"status": "ok", "index_version": live.index.version, "model": live.current().generator.id}
