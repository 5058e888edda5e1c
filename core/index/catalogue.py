"""The catalogue: which documents and chunks the index holds, and their words for BM25. It is the truth.

The vector store may for a moment hold more than the catalogue knows: a reader drops ids that are not here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.index.database import Database
from core.index.lexical import match_expression, search_terms
from core.types import Chunk

_CHUNK = (
    "SELECT chunks.id, document_id, source, title, headings, text, ordinal, tokens, metadata"
    " FROM chunks JOIN documents ON documents.id = document_id"
)
_BM25 = "bm25(words, 1.0, 1.0, 1.0)"  # weights of title, headings, text
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
    fingerprint: str = ""  # of the settings that its chunks were made with

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
            "SELECT documents.id, root, source, title, content_hash, count(number), size, mtime_ns,"
            " indexed_at, fingerprint FROM documents LEFT JOIN chunks ON document_id = documents.id"
            " GROUP BY documents.id ORDER BY root, source"
        )
        return [IndexedDocument(*row) for row in rows]

    @property
    def is_empty(self) -> bool:
        return not self._database.select("SELECT 1 FROM chunks LIMIT 1")

    def count_chunks(self) -> int:
        rows = self._database.select("SELECT count(*) FROM chunks")
        return int(rows[0][0]) if rows else 0

    def chunks(self, chunk_ids: Iterable[str]) -> dict[str, Chunk]:
        """The chunks that exist among the ids, in the order of the ids."""
        wanted = list(dict.fromkeys(chunk_ids))
        found: dict[str, Chunk] = {}
        for start in range(0, len(wanted), _VARIABLES):
            part = wanted[start : start + _VARIABLES]
            marks = ",".join("?" * len(part))
            rows = self._database.select(f"{_CHUNK} WHERE chunks.id IN ({marks})", part)
            found.update({row[0]: _chunk(row) for row in rows})
        return {chunk_id: found[chunk_id] for chunk_id in wanted if chunk_id in found}

    def all_chunks(self) -> Iterator[Chunk]:
        """By root, source and position; one document at a time in memory."""
        for document in self.documents():
            yield from self.document_chunks(document.id)

    def document_chunks(self, document_id: str, first: int = 0, last: int = 2**31) -> list[Chunk]:
        """The document's chunks with ordinals from `first` to `last`, both included, in order."""
        rows = self._database.select(
            f"{_CHUNK} WHERE document_id = ? AND ordinal BETWEEN ? AND ? ORDER BY ordinal",
            (document_id, first, last),
        )
        return [_chunk(row) for row in rows]

    def chunk_ids(self) -> dict[str, str]:
        """Every chunk id with its document's id."""
        return dict(self._database.select("SELECT id, document_id FROM chunks"))

    def lexical(self, query: str, k: int) -> list[tuple[str, float]]:
        """Up to k (chunk id, BM25), best first. Any word of the query counts, stop words do not.

        FTS5's bm25 (k1 = 1.2, b = 0.75) is negative where better; here it is positive.
        """
        terms = search_terms(query)
        if not terms or k <= 0:
            return []
        rows = self._database.select(
            f"SELECT chunks.id, -{_BM25} FROM words JOIN chunks ON number = words.rowid"
            f" WHERE words MATCH ? ORDER BY {_BM25}, number LIMIT ?",
            (match_expression(terms), k),
        )
        return [(str(chunk_id), float(score)) for chunk_id, score in rows]


def _chunk(row: tuple[Any, ...]) -> Chunk:
    chunk_id, document_id, source, title, headings, text, ordinal, tokens, metadata = row
    path = tuple(json.loads(headings))
    return Chunk(chunk_id, document_id, source, title, path, text, ordinal, tokens, json.loads(metadata))
