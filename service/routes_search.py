"""POST /v1/search."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Depends

from service import searching
from service.auth import require_chat
from service.deps import LiveDep
from service.schemas import SearchRequest

router = APIRouter(prefix="/v1", dependencies=[Depends(require_chat)])


@router.post("/search")
def search(request: SearchRequest, live: LiveDep) -> dict[str, Any]:
    started = time.perf_counter()
    live.check_index()
    hits = searching.search(live.current(), request.query, request.top_k, source=request.filters.source)
    total = round((time.perf_counter() - started) * 1000, 2)
    return {"hits": [searching.hit_json(hit) for hit in hits], "timings_ms": {"total": total}}
