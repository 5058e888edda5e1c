"""POST /v1/chat/completions and GET /v1/models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from core.answering import checked
from core.deadline import Deadline
from core.decoding import Decoding
from core.errors import UnknownModelError
from core.history import within_budget
from core.settings import ConversationSettings
from core.types import Message
from service import completions
from service.auth import Caller, ChatCaller, require_chat
from service.conversations import Conversation, Conversations
from service.conversing import Conversing, Question, Reply
from service.deps import LiveDep
from service.live import ALIAS, LiveInhouse
from service.places import Placed
from service.remembering import history_of, kept
from service.schemas import ChatMessage, ChatRequest
from service.streaming import EventStream
from service.visibility import Visibility

router = APIRouter(prefix="/v1")  # FastAPI solves what all routes of a router depend on once more for each

DEFAULTS = Decoding()


@router.post("/chat/completions")
async def chat(http: Request, request: ChatRequest, caller: ChatCaller) -> Response:
    """What is at hand is answered from the event loop, everything else from the thread pool. Nobody waits
    behind those whose answers are being made for one that is there.
    """
    parts = http.app.state
    settings = parts.settings.service.conversations
    question = to_question(request, caller, http.state.request_id, parts.conversing.decoding)
    leans = request.store or request.conversation_id or request.model not in (None, "", ALIAS)
    if not leans and (reply := parts.conversing.at_once(question)) is not None:
        return _at_once(request, reply, settings)

    def answer(deadline: Deadline) -> Response:
        return _answer(
            request,
            replace(question, deadline=deadline),
            parts.conversing,
            parts.live,
            settings,
            parts.conversations,
            parts.visibility,
        )

    return Placed(http, answer)


def _at_once(request: ChatRequest, reply: Reply, settings: ConversationSettings) -> Response:
    if not request.stream:
        return JSONResponse(completions.completion(reply))
    pieces = (piece for piece in (reply.answer.answer, reply))
    events = completions.events(pieces, reply.answer.model, usage_alone=_usage_alone(request))
    return EventStream(next(events), events, lambda: None, settings.heartbeat_s)


def _usage_alone(request: ChatRequest) -> bool:
    return request.stream_options is not None and request.stream_options.include_usage


def _answer(
    request: ChatRequest,
    question: Question,
    conversing: Conversing,
    live: LiveInhouse,
    settings: ConversationSettings,
    store: Conversations,
    visibility: Visibility,
) -> Response:
    """What can be known to be wrong before a stream begins has its status."""
    live.check_index()
    inhouse = live.named(question.model)
    caller = question.caller
    conversation = _conversation(request, store, caller)
    checked(question.text, inhouse.settings.answering)
    history = question.history
    if request.conversation_id and conversation:
        history = tuple(history_of(conversation, visibility, caller.groups))
    question = replace(
        question,
        history=within_budget(history, settings.history_tokens, inhouse.embedder.count_tokens),
        conversation_id=conversation.id if conversation else "",
    )
    pieces = kept(conversing.stream(question), question, _kept_in(request, conversation), store)
    if not request.stream:
        *_, reply = pieces
        assert isinstance(reply, Reply)
        return JSONResponse(completions.completion(reply))
    events = completions.events(
        pieces,
        inhouse.generator.id,
        conversation_id=question.conversation_id or None,
        usage_alone=_usage_alone(request),
    )
    return EventStream(next(events), events, question.deadline.abandon, settings.heartbeat_s)


@router.get("/models", dependencies=[Depends(require_chat)])
def models(live: LiveDep) -> dict[str, Any]:
    names = live.names()
    rows = [{"id": name, "object": "model", "created": 0, "owned_by": "inhouse"} for name in names]
    return {"object": "list", "data": rows}


@router.get("/models/{name:path}", dependencies=[Depends(require_chat)])
def model(name: str, live: LiveDep) -> dict[str, Any]:
    """One of those that `models` lists; a name may hold slashes."""
    for row in models(live)["data"]:
        if row["id"] == name:
            return dict(row)
    raise UnknownModelError(f"There is no model {name!r} here: see GET /v1/models.")


def to_question(
    request: ChatRequest, caller: Caller, request_id: str = "", defaults: Decoding = DEFAULTS
) -> Question:
    """The last user message is the question, what was said before it is the history.

    System messages of a client are not followed: whoever may ask cannot change what the assistant is for.
    """
    last = max(index for index, message in enumerate(request.messages) if message.role == "user")
    history = tuple(
        _to_message(message)
        for message in request.messages[:last]
        if message.role in ("user", "assistant") and message.text
    )
    filters = request.filters.for_groups(caller.groups)
    return Question(
        request.messages[last].text,
        history,
        request.decoding(defaults),
        filters,
        caller,
        request_id=request_id,
        model=request.model or "",
    )


def _to_message(message: ChatMessage) -> Message:
    return Message("assistant" if message.role == "assistant" else "user", message.text)


def _conversation(request: ChatRequest, store: Conversations, caller: Caller) -> Conversation | None:
    """The one that the question belongs to. Raises NotFoundError for one that is not the caller's."""
    if request.conversation_id:
        return store.open(request.conversation_id, caller.key_id)
    return store.begin(caller.key_id) if request.store else None


def _kept_in(request: ChatRequest, conversation: Conversation | None) -> Conversation | None:
    return None if request.store is False else conversation
