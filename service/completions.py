"""A Reply in OpenAI's shape, whole or as server-sent chunks, with Inhouse's own fields at the top level.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, cast

from core.errors import AbandonedError, InhouseError
from core.types import as_row
from service.conversing import Reply
from service.errors import body_of, error_body

log = logging.getLogger("inhouse.chat")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all chunks of one completion have in common."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(16)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def wrap(self, kind: str, choice: dict[str, Any], **fields: Any) -> dict[str, Any]:
        head = {"id": self.id, "object": kind, "created": self.created, "model": self.model}
        return {**head, "choices": [{"index": 0, **choice, "logprobs": None}], **fields}


def completion(reply: Reply) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.answer.answer, "refusal": None}
    choice = {"message": message, "finish_reason": reply.answer.finish_reason}
    return Envelope(reply.answer.model).wrap("chat.completion", choice, **_fields(reply))


def events(
    pieces: Iterator[str | Reply],
    model: str,
    *,
    conversation_id: str | None = None,
    usage_alone: bool = False,
) -> Generator[str, Any, None]:
    """Server-sent events: the role at once, a chunk a piece, then one with finish_reason, usage, answer_type
    and citations.

    `usage_alone`, OpenAI's `include_usage`: what comes last has no choice, and usage is null in all before.
    A fault ends the stream with an error event and without `[DONE]`. `pieces` is a generator; it is closed.
    """
    envelope = Envelope(model)
    blank: dict[str, Any] = {"usage": None} if usage_alone else {}
    yield _event(
        _chunk(envelope, {"role": "assistant", "content": ""}, **blank, conversation_id=conversation_id)
    )
    try:
        with closing(cast(Generator[str | Reply, Any, Any], pieces)):
            for piece in pieces:
                if not isinstance(piece, Reply):
                    if piece:
                        yield _event(_chunk(envelope, {"content": piece}, **blank))
                elif usage_alone:
                    yield _event(_chunk(envelope, {}, finish=piece.answer.finish_reason, **blank))
                    yield _event({**_chunk(envelope, {}), "choices": [], **_fields(piece)})
                else:
                    yield _event(_chunk(envelope, {}, finish=piece.answer.finish_reason, **_fields(piece)))
    except AbandonedError:
        raise
    except InhouseError as error:
        yield _event(body_of(error))
        return
    except Exception:  # the status is sent already: what is left is to say so, and to log it
        log.exception("a stream broke off")
        yield _event(error_body("The answer broke off by a fault of the server.", status=500))
        return
    yield "data: [DONE]\n\n"


def _chunk(
    envelope: Envelope, delta: dict[str, str], finish: str | None = None, **fields: Any
) -> dict[str, Any]:
    return envelope.wrap("chat.completion.chunk", {"delta": delta, "finish_reason": finish}, **fields)


def _event(payload: dict[str, Any]) -> str:
    return f"data: {json.dumps(payload, ensure_ascii=False)}\n\n"


def _fields(reply: Reply) -> dict[str, Any]:
    answer = reply.answer
    prompt, written = answer.usage.prompt_tokens, answer.usage.completion_tokens
    return {
        "usage": {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written},
        "answer_type": answer.answer_type,
        "citations": [as_row(citation) for citation in answer.citations],
        "cached": reply.cached,
        "cached_question": reply.cached_question,
        "timings_ms": reply.timings_ms,
        "interaction_id": reply.interaction_id,
        "conversation_id": reply.conversation_id,
    }
