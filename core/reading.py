"""Hits -> the units that answer: every sentence, list item and table row scored by the reader, and a text
made of the best.

The text is only ever joined from verbatim units, so it cannot say what the documents do not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from core.decoding import cut_at_stop
from core.guards import count_trip
from core.interfaces import Decoding, Draft, Reading, Reranker, ScoredUnit
from core.models.reader import unit_input
from core.orders import is_order
from core.settings import AnsweringSettings
from core.types import FinishReason, Hit, Message, Usage
from core.units import Unit, split_units


def read(question: str, hits: Sequence[Hit], reader: Reranker) -> Reading:
    """Scores each distinct unit of the hits; one that stands in several hits counts for the first.

    Orders to an assistant are left out, and the passages that hold some are counted as trips of a guard.
    """
    inputs: list[str] = []
    candidates = []
    seen: set[str] = set()
    for number, hit in enumerate(hits):
        parts = split_units(hit.chunk.text)
        orders = {unit for unit in parts if is_order(unit)}
        if orders:
            count_trip("document", "instruction")
        for unit in parts:
            folded = fold(unit.in_context())
            # "Yes." alone says nothing
            if " " in folded and folded not in seen and not _asks(unit) and unit not in orders:
                seen.add(folded)
                candidates.append((number, unit))
                inputs.append(unit_input(hit.chunk, unit))
    logits = reader.score(question, inputs)
    units = [
        ScoredUnit(number, unit, logit) for (number, unit), logit in zip(candidates, logits, strict=True)
    ]
    return Reading(tuple(hits), tuple(sorted(units, key=lambda scored: -scored.logit)))


def in_order(reading: Reading, hits: Sequence[Hit]) -> Reading:
    """The reading with its hits, of new scores, best first."""
    order = sorted(range(len(hits)), key=lambda number: (-hits[number].score, hits[number].chunk.id))
    place = {number: rank for rank, number in enumerate(order)}
    units = tuple(replace(scored, hit=place[scored.hit]) for scored in reading.units)
    return Reading(tuple(hits[number] for number in order), units)


def first_hits(reading: Reading, k: int) -> Reading:
    """The reading of its first k hits alone."""
    units, parts = (
        tuple(scored for scored in found if scored.hit < k) for found in (reading.units, reading.parts)
    )
    return Reading(reading.hits[:k], units, parts)


def with_parts(whole: Reading, parts: Sequence[Reading], among: int) -> Reading:
    """The reading of a whole question with the best hit of each part among its first ones, in place of the
    last that no part needs, and the unit of each such hit that answers its part more likely than not. The
    first hit stays.
    """
    needed = {part.hits[0].chunk.id: part for part in parts if part.hits}
    first, later = list(whole.hits[:among]), whole.hits[among:]
    missing = {name: part for name, part in needed.items() if all(hit.chunk.id != name for hit in first)}
    crowded = max(0, len(first) + len(missing) - among)
    spare = [hit for hit in first[1:] if hit.chunk.id not in needed]
    displaced = spare[max(0, len(spare) - crowded) :]
    kept = [hit for hit in first if hit not in displaced]
    missing = dict(islice(missing.items(), max(0, among - len(kept))))
    lowest = min((hit.score for hit in kept), default=0.0)
    added = [part.hits[0] for part in missing.values()]
    behind = [hit for hit in (*displaced, *later) if hit.chunk.id not in missing]
    moved = [replace(hit, score=min(hit.score, lowest)) for hit in behind]
    hits = (*kept, *(replace(hit, score=lowest) for hit in added), *moved)

    place = {hit.chunk.id: number for number, hit in enumerate(hits)}
    found = {hit.chunk.id for hit in whole.hits}
    units = [replace(scored, hit=place[whole.hits[scored.hit].chunk.id]) for scored in whole.units]
    answers = []
    for part in (part for part in parts if part.hits and part.hits[0].chunk.id in place):
        best = part.hits[0].chunk.id
        own = [replace(scored, hit=place[best]) for scored in part.units if scored.hit == 0]
        answers += [scored for scored in own[:1] if scored.logit > 0]
        units += [] if best in found else own
        found.add(best)
    return Reading(hits, tuple(sorted(units, key=lambda scored: -scored.logit)), tuple(answers))


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))


def _asks(unit: Unit) -> bool:
    """True for the questions of an FAQ: most like what was asked, and never its answer."""
    return unit.kind != "row" and unit.readable().endswith("?")


def choose(reading: Reading, settings: AnsweringSettings) -> list[ScoredUnit]:
    """The best unit, then those that come close, within the limits of number and words; in reading order.

    A unit is judged by the reader's logit and by the score of the hit that it stands in. What answers a part
    of the question comes before all others.
    """

    def worth(scored: ScoredUnit) -> float:
        return scored.logit + settings.passage_weight * reading.hits[scored.hit].score

    chosen: list[ScoredUnit] = []
    words = 0
    ranked = sorted(reading.units, key=worth, reverse=True)
    for number, scored in enumerate((*reading.parts, *ranked)):
        length = len(scored.unit.in_context().split())
        if chosen:
            close = number < len(reading.parts) or worth(scored) >= worth(ranked[0]) - settings.unit_margin
            if len(chosen) >= settings.max_sentences or not close:
                break
            if words + length > settings.max_words or _repeats(scored, chosen):
                continue
        chosen.append(scored)
        words += length
    return _in_reading_order(chosen)


def _repeats(scored: ScoredUnit, chosen: Sequence[ScoredUnit]) -> bool:
    """True where nearly all its words are said already."""
    words = set(fold(scored.unit.readable()).split())
    said = {word for other in chosen for word in fold(other.unit.readable()).split()}
    return len(words - said) <= 0.15 * len(words)


def _in_reading_order(chosen: Sequence[ScoredUnit]) -> list[ScoredUnit]:
    """Passages by their best unit, units of one passage as they stand in it."""
    order = list(dict.fromkeys(scored.hit for scored in chosen))
    return sorted(chosen, key=lambda scored: (order.index(scored.hit), scored.unit.start))


def compose(chosen: Sequence[ScoredUnit]) -> str:
    """The units as a short text with citation marks; neighbouring list items share their lead-in."""
    parts: list[str] = []
    lead = ""
    for number, scored in enumerate(chosen, 1):
        unit = scored.unit
        text = unit.readable().rstrip(" ;,")
        own_lead = unit.readable_lead() if unit.kind == "item" else ""
        if own_lead and own_lead == lead:
            parts[-1] = re.sub(r"\.?( \[\d+\])$", r"\1", parts[-1]) + ";"
            parts.append(f"{closed(text)} [{number}]")
        else:
            parts.append(f"{own_lead + ': ' if own_lead else ''}{closed(text)} [{number}]")
        lead = own_lead
    return " ".join(parts)


def closed(text: str) -> str:
    """With a full stop unless it ends in punctuation already; a colon that leads nowhere becomes one."""
    text = text.rstrip(":").rstrip() if text.endswith(":") else text
    return text if re.search(r"[.!?…][\"'”’)\]]*$", text) else text + "."


def fold(text: str) -> str:
    return re.sub(r"[^\w]+", " ", text.lower()).strip()


class ReaderGenerator:
    """The default Generator: quotes the best units."""

    prompt_hash = ""

    def __init__(self, model_id: str, settings: AnsweringSettings) -> None:
        self.id = model_id
        self._settings = settings

    def stream(
        self, question: str, reading: Reading, history: Sequence[Message], decoding: Decoding
    ) -> Iterator[Draft]:
        chosen, text, finish_reason = _within(choose(reading, self._settings), decoding)
        read_words = sum(len(scored.unit.text.split()) for scored in reading.units)
        usage = Usage(read_words + len(question.split()), len(text.split()))
        yield Draft(text, tuple(chosen), usage, finish_reason)


def _within(chosen: list[ScoredUnit], decoding: Decoding) -> tuple[list[ScoredUnit], str, FinishReason]:
    """The units and their text before a stop string and in `max_tokens` words: whole units while one fits."""
    kept = next(
        (n for n in range(len(chosen), 1, -1) if len(compose(chosen[:n]).split()) <= decoding.max_tokens), 1
    )
    text = compose(chosen[:kept])
    words = re.findall(r"\s*\S+", text)
    full = kept < len(chosen) or len(words) > decoding.max_tokens
    text = "".join(words[: decoding.max_tokens])
    stopped = cut_at_stop(text, decoding.stop)
    return chosen[:kept], stopped, "length" if full and stopped == text else "stop"
