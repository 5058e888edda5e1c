"""How much of a conversation an answer may look back on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.types import Message

_CHARS_PER_TOKEN = 16  # a turn with more characters to a token of the budget does not fit: it is not counted


def within_budget(
    history: Sequence[Message], tokens: int, count_tokens: Callable[[str], int]
) -> tuple[Message, ...]:
    """The newest turns that fit into the budget; what remains begins with a question.

    `history` holds the turns before the question, oldest first. The question itself has its own limit and is
    never counted or cut. A turn is kept whole or not at all.
    """
    first = len(history)
    while first > 0:
        content = history[first - 1].content
        if len(content) > tokens * _CHARS_PER_TOKEN:
            break
        tokens -= count_tokens(content)
        if tokens < 0:
            break
        first -= 1
    while first < len(history) and history[first].role != "user":
        first += 1
    return tuple(history[first:])
