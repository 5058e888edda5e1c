"""Short ways to write the values that the tests of this folder need."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.types import Answer, AnswerType, Chunk, Citation, Evidence, Hit, QAPair
from eval.metrics import Sample

LEAVE = "leave.md"
LEAVE_TEXT = "Everyone gets **27 days** of leave.\nUnused days lapse in March."


def question(identifier: str = "q1", kind: str = "answerable", **values: Any) -> QAPair:
    """About the leave policy where nothing else is said; without evidence where it is to be declined."""
    answerable = {
        "answer": "You get 27 days of leave.",
        "evidence": (Evidence(LEAVE, "Everyone gets 27 days of leave."),),
        "keywords": ("27 days",),
    }
    known = answerable if kind in ("answerable", "multi", "followup") else {}
    return QAPair(identifier, kind, **{"question": f"Question {identifier}?", **known, **values})


def hit(text: str = LEAVE_TEXT, source: str = LEAVE, identifier: str = "") -> Hit:
    return Hit(Chunk(identifier or f"{source}-{text[:20]}", "d", source, "Leave", ("Days",), text, 0), 0.5)


def answer(
    text: str = "27 days of leave.",
    kind: AnswerType = "answer",
    hits: Sequence[Hit] = (),
    quotes: Sequence[str] = (),
    source: str = LEAVE,
) -> Answer:
    citations = tuple(Citation(n, source, "Leave", "Days", quote, 0.9) for n, quote in enumerate(quotes, 1))
    return Answer(text, kind, citations, hits=tuple(hits), model="stand-in")


def sample(identifier: str, right: bool, cluster: str = "") -> Sample:
    outcome = "right" if right else "reader_missed"
    return Sample(
        identifier,
        "answerable",
        cluster or identifier,
        "answer",
        outcome,
        right,
        1.0,
        correct=right,
        answered=True,
    )


def write_lines(path: Path, rows: Sequence[Mapping[str, Any] | str]) -> Path:
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
