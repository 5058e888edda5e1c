"""GET /metrics for Prometheus: to this machine, to admin keys, or to everybody where a setting says so."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from core.settings import Settings
from service.auth import host_of, is_loopback, require_admin
from service.metrics import CONTENT_TYPE, Metrics

router = APIRouter()

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


async def may_scrape(request: Request) -> None:
    """A request that a proxy passes on is not from this machine, wherever the proxy runs."""
    settings: Settings = request.app.state.settings
    peer = request.client.host if request.client else ""
    local = is_loopback(peer) and is_loopback(host_of(request.headers.get("host", "")))
    proxied = any(name in request.headers for name in _FORWARDED)
    if not settings.observation.metrics_open and (proxied or not local or "origin" in request.headers):
        await require_admin(request)


@router.get("/metrics", response_class=Response)
def metrics(request: Request, _allowed: Annotated[None, Depends(may_scrape)]) -> Response:
    counted: Metrics = request.app.state.metrics
    return Response(counted.text(), media_type=CONTENT_TYPE)
