"""POST /v1/search."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Depends

from core.types import Hit
from service import searching
from service.auth import ChatCaller, require_chat
from service.deps import LiveDep
from service.live import LiveInhouse
from service.places import Place
from service.schemas import SearchRequest

router = APIRouter(prefix="/v1", dependencies=[Depends(require_chat)])


@router.post("/search")
def search(request: SearchRequest, live: LiveDep, caller: ChatCaller, deadline: Place) -> dict[str, Any]:
    started = time.perf_counter()
    live.check_index()
    filters = request.filters.for_groups(caller.groups)
    inhouse = live.current()
    with deadline.stage("retrieve"):
        hits = searching.search(inhouse, request.query, request.top_k, filters, source=request.filters.source)
    sections = [_section(live, hit) if request.widen else None for hit in hits]
    total = round((time.perf_counter() - started) * 1000, 2)
    return {
        "hits": [searching.hit_json(hit, section) for hit, section in zip(hits, sections, strict=True)],
        "timings_ms": {"total": total},
    }


def _section(live: LiveInhouse, hit: Hit) -> str:
    return "\n\n".join(chunk.text for chunk in live.index.section(hit.chunk))
