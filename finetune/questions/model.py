"""Questions that a generating model writes to a passage, each with the sentence that it says answers it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence

from core.prompts import question_request
from core.types import Chunk, Message
from core.units import Unit
from finetune.questions.passage import Candidate, Passage
from finetune.similarity import words

METHOD = "model"
Write = Callable[[Sequence[Message]], str]  # messages -> what the model writes behind them
_PAIR = re.compile(
    r"^[ \t>*_#\d.)-]*(?:Q|Question)[ \t*_]*\d*[ \t*_]*:[ \t*_]*(?P<question>[^\n]+?)[*_ \t]*\n+"
    r"[ \t>*_#\d.)-]*(?:A|Answer)[ \t*_]*\d*[ \t*_]*:[ \t*_]*(?P<answer>[^\n]+)",
    re.IGNORECASE | re.MULTILINE,
)
_FEWEST_WORDS = 3  # of an answer that is looked for in the passage
_SHORTEST_PASSAGE = 15  # words


def questions(passage: Passage, write: Write, count: int, purpose: str) -> Iterator[Candidate]:
    """At most `count`; one whose answer does not stand in the passage word for word has no evidence, so that
    the filters drop it and count it. Raises what the model raises.
    """
    written = write(question_request(passage.chunk, count, purpose))
    for match in list(_PAIR.finditer(written))[:count]:
        unit = _quoted(match["answer"], passage.units)
        question = match["question"].strip("\"“”' ")
        if not question:
            continue
        yield Candidate(
            question,
            unit.readable() if unit else match["answer"].strip(),
            (unit.text,) if unit else (),
            METHOD,
        )


def chosen(chunks: Sequence[Chunk], most: int, rng: random.Random) -> list[Chunk]:
    """At most `most` of a document's chunks that hold more than a line or two, in their order."""
    worth_asking = [chunk for chunk in chunks if len(chunk.text.split()) >= _SHORTEST_PASSAGE]
    return sorted(rng.sample(worth_asking, min(most, len(worth_asking))), key=lambda chunk: chunk.ordinal)


def _quoted(answer: str, units: Sequence[Unit]) -> Unit | None:
    """The unit that holds the answer word for word, or is held by it."""
    said = words(answer)
    if len(said) < _FEWEST_WORDS:
        return None
    for unit in units:
        held = words(unit.readable())
        if _within(said, held) or (len(held) >= _FEWEST_WORDS and _within(held, said)):
            return unit
    return None


def _within(part: Sequence[str], whole: Sequence[str]) -> bool:
    return f" {' '.join(part)} " in f" {' '.join(whole)} "
