"""Pages of other sites: none may call, but those that the settings name."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

PREFLIGHT_S = 600  # browsers keep what they were told for this long
READABLE = (
    "Retry-After",
    "X-Request-ID",
    "X-RateLimit-Limit-Requests",
    "X-RateLimit-Remaining-Requests",
    "X-RateLimit-Reset-Requests",
)


def allow_origins(app: FastAPI, origins: Sequence[str]) -> None:
    """Keys travel in a header that a page sets itself, so cookies and other credentials stay out."""
    if not origins:
        return
    app.add_middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=("GET", "POST", "PATCH", "DELETE"),
        allow_headers=("Authorization", "Content-Type", "X-Request-ID"),
        expose_headers=READABLE,
        max_age=PREFLIGHT_S,
    )
