"""The catalogue: which documents and chunks the index holds. It is the truth.

The stores of vectors and words may for a moment hold more than the catalogue knows: a reader drops ids that
are not here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.index.database import Database
from core.types import Chunk, Filters, Labels

_CHUNK = (
    "SELECT chunks.id, document_id, source, title, headings, text, ordinal, tokens, metadata, labels.value"
    " FROM chunks JOIN documents ON documents.id = document_id JOIN labels ON labels.id = label"
)
_VARIABLES = 500  # of one SQL statement


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """A document as the index knows it. `chunks` counts its chunks; `indexed_at` is in seconds since 1970."""

    id: str
    root: str  # the folder it was indexed from, absolute
    source: str
    title: str
    content_hash: str
    chunks: int
    size: int  # bytes
    mtime_ns: int
    indexed_at: float
    fingerprint: str  # of the settings that its chunks were made with
    labels: Labels

    @property
    def path(self) -> Path:
        return Path(self.root) / self.source


class Catalogue:
    """What is committed, for any number of threads. All of it may raise IndexUnavailableError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def version(self) -> int:
        return int(self.meta("version") or 0)

    def meta(self, key: str) -> str | None:
        rows = self._database.select("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def documents(self) -> list[IndexedDocument]:
        rows = self._database.select(
            "SELECT documents.id, root, source, title, content_hash, chunks, size, mtime_ns, indexed_at,"
            " fingerprint, value FROM documents JOIN labels ON labels.id = label ORDER BY root, source"
        )
        return [_document(*row) for row in rows]

    @property
    def is_empty(self) -> bool:
        return self.count_chunks() == 0

    def count_chunks(self) -> int:
        return int(self.meta("chunks") or 0)

    def chunks(self, chunk_ids: Iterable[str]) -> dict[str, Chunk]:
        """The chunks that exist among the ids, in the order of the ids."""
        wanted = list(dict.fromkeys(chunk_ids))
        found = {row[0]: _chunk(row) for row in self._among(_CHUNK + " WHERE chunks.id IN ({})", wanted)}
        return {chunk_id: found[chunk_id] for chunk_id in wanted if chunk_id in found}

    def label_numbers(self, chunk_ids: Iterable[str]) -> dict[str, int]:
        """The label's number of those chunks that exist."""
        statement = (
            "SELECT chunks.id, label FROM chunks JOIN documents ON documents.id = document_id"
            " WHERE chunks.id IN ({})"
        )
        return dict(self._among(statement, chunk_ids))

    def all_chunks(self) -> Iterator[Chunk]:
        """By root, source and position; one document at a time in memory."""
        for document in self.documents():
            yield from self.document_chunks(document.id)

    def document_chunks(self, document_id: str) -> list[Chunk]:
        rows = self._database.select(f"{_CHUNK} WHERE document_id = ? ORDER BY ordinal", (document_id,))
        return [_chunk(row) for row in rows]

    def chunk_ids(self) -> dict[str, str]:
        """Every chunk id with its document's id."""
        return dict(self._database.select("SELECT id, document_id FROM chunks"))

    def twins(self, digests: Iterable[str]) -> dict[str, str]:
        """Of each digest that the index holds, the id of a chunk that has it."""
        statement = "SELECT digest, min(id) FROM chunks WHERE digest IN ({}) GROUP BY digest"
        return dict(self._among(statement, digests))

    def denied(self, filters: Filters) -> tuple[list[int], list[int]]:
        """The numbers of the labels that the filters leave out, and of those that they let through."""
        rows = self._database.select("SELECT id, value FROM labels ORDER BY id")
        allowed = {number: filters.allow(_labels(value)) for number, value in rows}
        return [number for number in allowed if not allowed[number]], [
            number for number in allowed if allowed[number]
        ]

    def _among(self, statement: str, values: Iterable[str]) -> Iterator[tuple[Any, ...]]:
        """The rows of a statement whose `{}` stands for the values, as many at a time as SQLite takes."""
        wanted = list(dict.fromkeys(values))
        for start in range(0, len(wanted), _VARIABLES):
            part = wanted[start : start + _VARIABLES]
            yield from self._database.select(statement.format(",".join("?" * len(part))), part)


@lru_cache(maxsize=1024)
def _labels(value: str) -> Labels:
    return Labels.from_json(json.loads(value))


def _document(*row: Any) -> IndexedDocument:
    *values, labels = row
    return IndexedDocument(*(*values, _labels(labels)))


def _chunk(row: tuple[Any, ...]) -> Chunk:
    chunk_id, document_id, source, title, headings, text, ordinal, tokens, metadata, labels = row
    return Chunk(
        chunk_id,
        document_id,
        source,
        title,
        tuple(json.loads(headings)),
        text,
        ordinal,
        tokens,
        json.loads(metadata),
        _labels(labels),
    )
