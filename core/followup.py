"""Conversation + question -> the question as it would be asked alone.

Without a generating model this is done by joining: a question that leans on what was said before is put
behind the question that it leans on, as retrieval and the reader need it; one that stands alone is left.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.types import Message

_REFERS_BACK = re.compile(
    r"\b(it|its|that|this|those|these|they|them|their|theirs|he|him|his|she|her|hers|there|then|ones?|same|such|"
    r"either|both|else|instead|another|others?|again|too|also|more|longer|less|earlier|later|above|previous|former|latter)\b",
    re.IGNORECASE,
)
_CONTINUES = re.compile(
    r"^\s*(and|but|or|so|also|then|ok(ay)?|what about|how about|what if|why|which|for|if|in|with|"
    r"without|after|before|only|even)\b",
    re.IGNORECASE,
)
_SHORT = 5  # words; a question that short rarely names its own subject


def standalone(question: str, history: Sequence[Message]) -> str:
    """The question itself, or the last question that stood alone with this one behind it."""
    earlier = [
        message.content.strip() for message in history if message.role == "user" and message.content.strip()
    ]
    if not earlier or not leans_on_history(question):
        return question
    anchor = next((text for text in reversed(earlier) if not leans_on_history(text)), earlier[0])
    return f"{anchor} {question}"


def leans_on_history(question: str) -> bool:
    return bool(
        _CONTINUES.search(question) or _REFERS_BACK.search(question) or len(question.split()) <= _SHORT
    )
