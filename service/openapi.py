"""The OpenAPI page: every route with its key, the statuses that it can answer with, and what it answers.

All of it is put together here, from what a route depends on and from one table, so that no route repeats it
and none validates its answers while requests are served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service import answers, auth, places, routes_metrics

Operation = tuple[str, str]  # method and path

MEANING = {
    400: "Nothing was asked, or the body cannot be read as JSON",
    401: "No key, or one that is not valid",
    403: "The key lacks the scope or the right; without keys: not this machine",
    404: "There is no such thing, or it is not the caller's",
    409: "It contradicts what is the case or going on",
    413: "The body is too large",
    422: "A field is missing or wrong",
    429: "Too many requests, wrong keys or answers at once",
    503: "Nothing is indexed yet, or a part that is needed is away",
    504: "Waiting or a stage took too long",
}

_KEY = (401, 403, 429, 503)
_PLACE = (429, 503, 504)
# What a route depends on -> how it can end because of it.
_BY_DEPENDENCY: Mapping[Callable[..., Any], tuple[int, ...]] = {
    auth.require_chat: _KEY,
    auth.require_admin: _KEY,
    routes_metrics.may_scrape: _KEY,
    places.hold_place: _PLACE,
}
_NEEDS_KEY = {auth.require_chat, auth.require_admin, routes_metrics.may_scrape}
_BODY = (400, 413, 422)

# What a success holds, and the faults that the route adds of its own.
_ANSWERS: Mapping[Operation, tuple[type[BaseModel], tuple[int, ...]]] = {
    ("POST", "/v1/chat/completions"): (answers.ChatCompletion, (404, 409, *_PLACE)),
    ("GET", "/v1/models"): (answers.ServedModels, (409,)),
    ("GET", "/v1/models/{name}"): (answers.ServedModel, (404, 409)),
    ("GET", "/v1/conversations"): (answers.ConversationList, ()),
    ("DELETE", "/v1/conversations"): (answers.ConversationsDeleted, ()),
    ("GET", "/v1/conversations/{conversation_id}"): (answers.ConversationWithTurns, (404,)),
    ("PATCH", "/v1/conversations/{conversation_id}"): (answers.ConversationOut, (404,)),
    ("DELETE", "/v1/conversations/{conversation_id}"): (answers.ConversationDeleted, (404,)),
    ("POST", "/v1/search"): (answers.SearchResult, (409,)),
    ("GET", "/v1/documents/text"): (answers.DocumentTexts, (404, 422)),
    ("POST", "/v1/feedback"): (answers.FeedbackKept, (404,)),
    ("GET", "/admin/documents"): (answers.IndexedDocuments, ()),
    ("DELETE", "/admin/documents"): (answers.DocumentsDeleted, (404, 409, 422)),
    ("POST", "/admin/reindex"): (answers.JobStarted, (409,)),
    ("POST", "/admin/retrain"): (answers.JobStarted, (404, 409)),
    ("GET", "/admin/jobs"): (answers.JobList, (422,)),
    ("GET", "/admin/jobs/{job_id}"): (answers.JobWithLines, (404,)),
    ("DELETE", "/admin/jobs/{job_id}"): (answers.JobOut, (404, 409)),
    ("GET", "/admin/models"): (answers.Adapters, ()),
    ("POST", "/admin/models/{adapter_id}/activate"): (answers.Adapters, (404, 409, 422)),
    ("POST", "/admin/models/rollback"): (answers.Adapters, (409,)),
    ("GET", "/health/live"): (answers.Alive, ()),
    ("GET", "/health/ready"): (answers.Ready, (409, 503)),
}
# Successes beside JSON.
_OTHER_CONTENT: Mapping[Operation, Mapping[str, Any]] = {
    ("POST", "/v1/chat/completions"): {
        "text/event-stream": {
            "schema": {
                "description": "with `stream`: `chat.completion.chunk` events, then `data: [DONE]`",
            }
        }
    },
    ("GET", "/metrics"): {"text/plain": {"schema": {"type": "string"}}},
}

BEARER = "bearer"
_RETRY_AFTER = {"Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}}}
_HEADERS: Mapping[int, Mapping[str, Any]] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}}},
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}


def describe(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Completes the page that FastAPI makes of the routes; it is put together when it is first asked for."""
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    plain = app.openapi
    pages: list[dict[str, Any]] = []

    def openapi() -> dict[str, Any]:
        if not pages:
            pages.append(_completed(plain(), routes))
        return pages[0]

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI documents it


def _completed(page: dict[str, Any], routes: Iterable[APIRoute]) -> dict[str, Any]:
    schemas = page.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    models: set[type[BaseModel]] = {answers.ErrorBody, *(model for model, _ in _ANSWERS.values())}
    references, made = models_json_schema(
        [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)],
        ref_template="#/components/schemas/{model}",
    )
    schemas |= made["$defs"]
    page["components"]["securitySchemes"] = {BEARER: {"type": "http", "scheme": "bearer"}}
    for route in routes:
        for method in (route.methods or ()) if route.include_in_schema else ():
            shown = page["paths"][route.path_format][method.lower()]
            _complete(shown, (method, route.path_format), route, references)
    return page


def _complete(
    shown: dict[str, Any], operation: Operation, route: APIRoute, references: Mapping[Any, Any]
) -> None:
    needs = set(_calls(route.dependant))
    responses = {str(route.status_code or 200): _success(operation, references)}
    for status in sorted(_faults(operation, route, needs)):
        responses[str(status)] = _response(
            MEANING[status],
            {"application/json": {"schema": references[answers.ErrorBody, "validation"]}},
            _HEADERS.get(status, {}),
        )
    shown["responses"] = responses
    if needs & _NEEDS_KEY:
        # Metrics are open to this machine, whether or not there are keys.
        shown["security"] = [{BEARER: []}, *([{}] if routes_metrics.may_scrape in needs else [])]


def _success(operation: Operation, references: Mapping[Any, Any]) -> dict[str, Any]:
    content = dict(_OTHER_CONTENT.get(operation, {}))
    if operation in _ANSWERS:
        content["application/json"] = {"schema": references[_ANSWERS[operation][0], "validation"]}
    return _response("As asked", content)


def _response(text: str, content: Mapping[str, Any], headers: Mapping[str, Any] = {}) -> dict[str, Any]:
    return {"description": text, "content": content, **({"headers": headers} if headers else {})}


def _faults(operation: Operation, route: APIRoute, needs: Iterable[Callable[..., Any]]) -> set[int]:
    statuses = {status for call in needs for status in _BY_DEPENDENCY.get(call, ())}
    statuses.update(_BODY if route.body_field else ())
    statuses.update(_ANSWERS[operation][1] if operation in _ANSWERS else ())
    return statuses


def _calls(dependant: Dependant) -> Iterable[Callable[..., Any]]:
    for below in dependant.dependencies:
        if below.call is not None:
            yield below.call
        yield from _calls(below)
