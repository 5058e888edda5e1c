"""Every fault, FastAPI's own included, in the error shape of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from core.errors import InhouseError
from service.errors import body_of, error_body, headers_of, status_of

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def register(app: FastAPI) -> None:
    app.add_exception_handler(InhouseError, _inhouse_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)


def _inhouse_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, InhouseError)
    return JSONResponse(body_of(error), status_of(error), headers=headers_of(error))


def _http_error(request: Request, error: Exception) -> JSONResponse:
    """404 and 405 of the router, 413 of the body limit, 400 of a body that is no text."""
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # of FastAPI, which says no more than that it could not read the body
        text = "The body cannot be read: send JSON in UTF-8, nested and with numbers of a sane size."
        return JSONResponse(error_body(text, status=400, code="invalid_json"), 400)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed(request))
    messages = {
        404: f"There is nothing at {request.url.path}.",
        405: f"{request.method} is not allowed at {request.url.path}.",
    }
    message = messages.get(error.status_code, str(error.detail))
    return JSONResponse(error_body(message, status=error.status_code), error.status_code, headers=headers)


def _allowed(request: Request) -> list[str]:
    """All methods of a path: the router names those of its first route alone."""
    routes = request.app.router.routes
    return [
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    faults: list[Mapping[str, Any]] = list(error.errors())
    if faults and faults[0]["type"] == "json_invalid":
        where = f"{faults[0]['ctx']['error']} at character {faults[0]['loc'][-1]}"
        return JSONResponse(
            error_body(f"The body is not valid JSON: {where}.", status=400, code="invalid_json"), 400
        )
    if faults and tuple(faults[0]["loc"]) == ("body",) and not _is_json(request):
        message = "The body must be JSON: send it with `Content-Type: application/json`."
    else:
        message = "; ".join(_sentence(fault) for fault in faults[:3])
    return JSONResponse(error_body(message, status=422), 422)


def _is_json(request: Request) -> bool:
    return "json" in request.headers.get("content-type", "")


def _sentence(fault: Mapping[str, Any]) -> str:
    field = ".".join(str(part) for part in fault["loc"] if part != "body")
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"{field}: {message}" if field else message
