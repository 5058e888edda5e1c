"""What the conversation that the server keeps gives to a question, and what the answer gives to it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, cast

from core.types import Message, Role
from service.conversations import Conversation, Conversations, Turn
from service.conversing import Question, Reply
from service.visibility import Visibility

WITHHELD = "This answer rested on documents that you cannot find any more."


def as_shown(turns: Sequence[Turn], visibility: Visibility, groups: tuple[str, ...]) -> list[Turn]:
    """The turns, without what an answer said from documents that these groups cannot find now."""
    return [
        turn if visibility.allows(turn.citations, groups) else replace(turn, content=WITHHELD, citations=())
        for turn in turns
    ]


def history_of(conversation: Conversation, visibility: Visibility, groups: tuple[str, ...]) -> list[Message]:
    """What a question may lean on: the visible turns, without the exchanges that a guard blocked."""
    shown = as_shown(conversation.turns, visibility, groups)
    answers = [*shown[1:], None]
    messages = []
    for turn, after in zip(shown, answers, strict=True):
        blocked = "blocked" in (turn.answer_type, after.answer_type if turn.role == "user" and after else "")
        if not blocked:
            messages.append(Message(cast(Role, turn.role), turn.content))
    return messages


def kept(
    pieces: Iterator[str | Reply], question: Question, conversation: Conversation | None, store: Conversations
) -> Iterator[str | Reply]:
    """The pieces, with the finished exchange written before the Reply is given out."""
    with closing(cast(Generator[str | Reply, Any, Any], pieces)):
        for piece in pieces:
            if isinstance(piece, Reply) and conversation is not None:
                written = store.add(conversation, question.text, piece.answer, piece.interaction_id)
                yield replace(piece, conversation_id=conversation.id if written else None)
            else:
                yield piece
