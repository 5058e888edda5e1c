"""POST /v1/chat/completions and GET /v1/models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool

from core.errors import UnknownModelError
from core.interfaces import Decoding
from core.types import Message, Role
from service import completions
from service.auth import Caller, ChatCaller, require_chat
from service.conversing import Conversing, Question
from service.deps import ConversingDep, LiveDep
from service.live import LiveInhouse
from service.places import Place
from service.schemas import ChatMessage, ChatRequest

router = APIRouter(prefix="/v1", dependencies=[Depends(require_chat)])

ALIAS = "inhouse"  # a model name that always means the model in use


@router.post("/chat/completions")
async def chat(
    http: Request,
    request: ChatRequest,
    conversing: ConversingDep,
    live: LiveDep,
    caller: ChatCaller,
    deadline: Place,
) -> Response:
    """What is at hand is answered from the event loop, everything else from the thread pool."""
    question = replace(to_question(request, caller, http.state.request_id), deadline=deadline)
    if not request.stream and request.model in (None, "", ALIAS):
        reply = conversing.at_once(question)
        if reply is not None:
            return JSONResponse(completions.completion(reply))
    return await run_in_threadpool(_answer, request, question, conversing, live)


def _answer(request: ChatRequest, question: Question, conversing: Conversing, live: LiveInhouse) -> Response:
    """A stream starts with its first piece, so a fault before has its status."""
    live.check_index()
    model = _check_model(request.model, live)
    if not request.stream:
        return JSONResponse(completions.completion(conversing.reply(question)))
    pieces = conversing.stream(question)
    first = next(pieces)
    events = completions.events(chain([first], pieces), model)
    return StreamingResponse(
        _in_threads(events), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


@router.get("/models")
def models(live: LiveDep) -> dict[str, Any]:
    names = (ALIAS, live.current().generator.id)
    rows = [{"id": name, "object": "model", "created": 0, "owned_by": "inhouse"} for name in names]
    return {"object": "list", "data": rows}


def to_question(request: ChatRequest, caller: Caller, request_id: str = "") -> Question:
    """The last user message is the question, the messages before it are the history."""
    last = max(index for index, message in enumerate(request.messages) if message.role == "user")
    history = tuple(_to_message(message) for message in request.messages[:last])
    filters = request.filters.for_groups(caller.groups)
    return Question(
        request.messages[last].text, history, _to_decoding(request), filters, caller, request_id=request_id
    )


def _to_message(message: ChatMessage) -> Message:
    role: Role = "system" if message.role == "developer" else message.role
    return Message(role, message.text)


def _to_decoding(request: ChatRequest) -> Decoding:
    default = Decoding()
    stop = request.stop if isinstance(request.stop, list) else [request.stop] if request.stop else []
    max_tokens = request.max_completion_tokens or request.max_tokens
    return Decoding(
        max_tokens=default.max_tokens if max_tokens is None else max_tokens,
        temperature=default.temperature if request.temperature is None else request.temperature,
        top_p=default.top_p if request.top_p is None else request.top_p,
        stop=tuple(stop),
    )


def _check_model(name: str | None, live: LiveInhouse) -> str:
    """The id of the model in use. Raises UnknownModelError for a request that names another."""
    current = live.current().generator.id
    if name not in (None, "", ALIAS, current):
        raise UnknownModelError(f"There is no model {name!r} here: use {ALIAS!r}, or see GET /v1/models.")
    return current


async def _in_threads(events: Iterator[str]) -> AsyncIterator[str]:
    """The events, each made in the thread pool. A client that goes away ends the answering."""
    async for event in iterate_in_threadpool(events):
        yield event
