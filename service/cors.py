"""Pages of other sites: none may call, but those that the settings name."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response

from service.errors import error_body

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
        _Preflights,
        allow_origins=origins,
        allow_methods=("GET", "POST", "PATCH", "DELETE"),
        allow_headers=("Authorization", "Content-Type", "X-Request-ID"),
        expose_headers=READABLE,
        max_age=PREFLIGHT_S,
    )


class _Preflights(CORSMiddleware):
    def preflight_response(self, request_headers: Headers) -> Response:
        """A refusal in the error shape; Starlette writes plain text."""
        response = super().preflight_response(request_headers)
        if response.status_code != 400:
            return response
        message = bytes(response.body).decode() + ": see service.cors_origins."
        headers = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        return JSONResponse(error_body(message, status=400, code="cors_refused"), 400, headers=headers)
