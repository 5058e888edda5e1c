"""Answers kept as they come, so that an evaluation that was stopped goes on where it was.

One file an arm below `unfinished/` of the reports, named by all that its answers depend on: the questions,
the index, the models and settings of the arm, and the code. A passage is kept by its id. The files of an
evaluation go when its report stands.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from core.types import Answer, Chunk, Citation, Hit, QAPair, Usage
from eval.sharing import Traced

FOLDER = "unfinished"

Chunks = Callable[[Sequence[str]], Mapping[str, Chunk]]  # ids -> those that the index holds


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of one question through one arm."""

    answer: Answer | None  # None where an error came
    error: str
    latency_ms: float


class Journal:
    """The answers of one arm. Several threads may add to it."""

    def __init__(self, file: Path, chunks: Chunks) -> None:
        self.file = file
        self._chunks = chunks
        self._lock = threading.Lock()

    @classmethod
    def of(cls, folder: Path, identity: str, questions: Sequence[QAPair], chunks: Chunks) -> Journal:
        rows = [asdict(question) for question in questions]
        digest = hashlib.sha256(json.dumps([identity, rows]).encode()).hexdigest()[:24]
        return cls(folder / FOLDER / f"{digest}.jsonl", chunks)

    def read(self) -> dict[str, Asked]:
        """Question id -> what came. A last line that was cut off, or whose passages are gone, is left out."""
        if not self.file.is_file():
            return {}
        found = {}
        for line in self.file.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
                answer = _answer(row["answer"], self._chunks) if row["answer"] else None
                found[row["id"]] = Asked(answer, row["error"], row["latency_ms"])
            except (ValueError, KeyError):
                continue
        return found

    def add(self, identifier: str, asked: Asked) -> None:
        row = {
            "id": identifier,
            "answer": _row(asked.answer) if asked.answer else None,
            "error": asked.error,
            "latency_ms": asked.latency_ms,
        }
        with self._lock:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("a+b") as stream:
                stream.seek(max(0, stream.tell() - 1))
                cut_off = stream.read(1) not in (b"", b"\n")
                line = json.dumps(row, ensure_ascii=False).encode()
                stream.write((b"\n" if cut_off else b"") + line + b"\n")

    def drop(self) -> None:
        self.file.unlink(missing_ok=True)


_HITS = ("hits", "fused", "ranked")
_VALUES = ("chunk", "twins")


def _row(answer: Answer) -> dict[str, Any]:
    values = {part.name: getattr(answer, part.name) for part in fields(answer)}
    values |= {name: [_hit_row(hit) for hit in values[name]] for name in _HITS if name in values}
    values["citations"] = [asdict(citation) for citation in answer.citations]
    return values | {"usage": asdict(answer.usage), "timings_ms": dict(answer.timings_ms)}


def _hit_row(hit: Hit) -> dict[str, Any]:
    scores = {part.name: getattr(hit, part.name) for part in fields(hit) if part.name not in _VALUES}
    return scores | {"chunk": hit.chunk.id, "twins": [twin.id for twin in hit.twins]}


def _answer(row: dict[str, Any], chunks: Chunks) -> Traced:
    """Raises KeyError where a passage is gone."""
    hits = [hit for name in _HITS for hit in row.get(name, ())]
    known = chunks(list({id_ for hit in hits for id_ in (hit["chunk"], *hit["twins"])}))
    found = {name: tuple(_hit(hit, known) for hit in row.get(name, ())) for name in _HITS}
    citations = tuple(Citation(**{**item, "also_in": tuple(item["also_in"])}) for item in row["citations"])
    return Traced(**{**row, **found, "citations": citations, "usage": Usage(**row["usage"])})


def _hit(row: dict[str, Any], known: Mapping[str, Chunk]) -> Hit:
    twins = tuple(known[twin] for twin in row["twins"])
    return Hit(**{**row, "chunk": known[row["chunk"]], "twins": twins})
