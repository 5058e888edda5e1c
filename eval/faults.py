"""What is wrong with the text of an answer, whatever it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from core.guards import repeats
from core.prompts import NOT_COVERED
from core.types import Answer

Fault = Literal["too_long", "repetitive", "off_format", "ungrounded", "misspelt"]
FAULTS: tuple[Fault, ...] = ("misspelt", "too_long", "repetitive", "off_format", "ungrounded")

_MARK = re.compile(r"\[(\d{1,3})\]")
_LEFT_OVER = re.compile(
    rf"{NOT_COVERED}|#{{3,}}|<\||\|>|</?s>|<(?:pad|unk|eos|bos)>"
    r"|^\s*(?:question|answer|passages?|user|assistant)\s*:",
    re.IGNORECASE | re.MULTILINE,
)
_ENDED = re.compile(r"[.!?…:;|][\"'”’)\]*_`]*(?:\s*\[\d{1,3}\])*\s*$")


def text_faults(
    answer: Answer,
    grounded: float | None,
    longest: int,
    mended: Callable[[str], str] | None = None,
) -> tuple[Fault, ...]:
    """`grounded`: share of its sentences that passages bear out. `mended` replaces misspelt words; those that
    stand in the passages themselves are right.
    """
    text = answer.answer
    found: list[Fault] = []
    if mended and _misspelt(answer, mended):
        found.append("misspelt")
    if answer.finish_reason == "length" or len(text.split()) > longest:
        found.append("too_long")
    if repeats(text):
        found.append("repetitive")
    if _is_off_format(answer):
        found.append("off_format")
    if grounded is not None and grounded < 1:
        found.append("ungrounded")
    return tuple(found)


def _is_off_format(answer: Answer) -> bool:
    """Marks of a prompt are left in it, a mark cites nothing, or its last sentence has no end."""
    numbers = {citation.id for citation in answer.citations}
    marks = {int(number) for number in _MARK.findall(answer.answer)}
    unreal = bool(numbers) and bool(marks - numbers)
    return bool(_LEFT_OVER.search(answer.answer)) or unreal or not _ENDED.search(answer.answer)


def _misspelt(answer: Answer, mended: Callable[[str], str]) -> bool:
    held = {word for hit in answer.hits for word in re.findall(r"[^\W_]+", hit.chunk.searched.lower())}
    own = [word for word in re.findall(r"[^\W\d_]+", answer.answer) if word.lower() not in held]
    # Names are no slips.
    return any(mended(word) != word for word in own if word.islower())
