"""One change of the catalogue: everything between opening and `commit` happens at once or not at all."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from core.index.database import Database, named_faults
from core.types import Chunk, Document, Labels


class Transaction:
    """Open from construction until `commit` or `rollback`. One at a time: the index's lock sees to that."""

    def __init__(self, database: Database) -> None:
        self._path = database.path
        self._connection = database.connect_writer()
        self._labels: dict[Labels, int] = {}

    def put(
        self,
        document: Document,
        chunks: Sequence[Chunk],
        *,
        root: str,
        size: int,
        mtime_ns: int,
        ctime_ns: int,
        fingerprint: str,
    ) -> set[str]:
        """Writes a document in place of the one with its id; returns the ids of the chunks it replaces."""
        replaced = self.remove(document.id)
        origin = (document.id, root, document.source, document.title, document.content_hash, len(chunks))
        row = (*origin, size, mtime_ns, time.time(), fingerprint, self.label(document.labels))
        self._execute(f"INSERT INTO documents VALUES ({','.join('?' * len(row))})", row)
        self._note_change(document.id, ctime_ns)
        with named_faults(self._path):
            self._connection.executemany(
                "INSERT INTO chunks VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [_row(document.id, chunk) for chunk in chunks],
            )
        return replaced

    def remove(self, document_id: str) -> set[str]:
        """Deletes a document with its chunks; returns the ids of the chunks."""
        rows = self._execute("SELECT id FROM chunks WHERE document_id = ?", (document_id,)).fetchall()
        self._execute("DELETE FROM chunks WHERE document_id = ?", (document_id,))
        self._execute("DELETE FROM file_changes WHERE document_id = ?", (document_id,))
        self._execute("DELETE FROM documents WHERE id = ?", (document_id,))
        return {chunk_id for (chunk_id,) in rows}

    def touch(self, document_id: str, *, size: int, mtime_ns: int, ctime_ns: int) -> None:
        """Notes that the file was written again with the same content."""
        statement = "UPDATE documents SET size = ?, mtime_ns = ? WHERE id = ?"
        self._execute(statement, (size, mtime_ns, document_id))
        self._note_change(document_id, ctime_ns)

    def changed_at(self, document_id: str) -> int:
        """When the file's content, name or rights changed last, in nanoseconds since 1970; 0 where that was
        not noted.
        """
        statement = "SELECT ctime_ns FROM file_changes WHERE document_id = ?"
        row = self._execute(statement, (document_id,)).fetchone()
        return int(row[0]) if row else 0

    def _note_change(self, document_id: str, ctime_ns: int) -> None:
        self._execute("INSERT OR REPLACE INTO file_changes VALUES (?, ?)", (document_id, ctime_ns))

    def label(self, labels: Labels) -> int:
        """The number that stands for the labels in all stores; 0 for no labels at all."""
        if labels not in self._labels:
            value = json.dumps(labels.to_json(), ensure_ascii=False)
            number = 0 if labels == Labels() else None
            self._execute("INSERT OR IGNORE INTO labels VALUES (?, ?)", (number, value))
            found = self._execute("SELECT id FROM labels WHERE value = ?", (value,)).fetchone()
            self._labels[labels] = int(found[0])
        return self._labels[labels]

    def set_meta(self, key: str, value: str) -> None:
        self._execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def count_chunks(self) -> int:
        return int(self._execute("SELECT count(*) FROM chunks", ()).fetchone()[0])

    def chunk_ids(self) -> Iterator[str]:
        """Every chunk id as it will be after the commit."""
        return (row[0] for row in self._execute("SELECT id FROM chunks", ()))

    def holds(self, chunk_id: str) -> bool:
        return self._execute("SELECT 1 FROM chunks WHERE id = ?", (chunk_id,)).fetchone() is not None

    def searched(self) -> Iterator[tuple[str, str, int]]:
        """Every chunk's id, the text it is searched by, and its label's number, as after the commit."""
        statement = (
            "SELECT chunks.id, searched, label FROM chunks JOIN documents ON documents.id = document_id"
            " ORDER BY number"
        )
        yield from self._execute(statement, ())

    def commit(self) -> None:
        self._execute(
            "DELETE FROM labels WHERE id NOT IN (SELECT label FROM documents)", ()
        )  # labels that no document bears any more would slow each filtered search down
        self._execute("COMMIT", ())
        with suppress(sqlite3.Error):  # committed it is; what is left on the disk goes another time
            self._connection.execute("PRAGMA incremental_vacuum").fetchall()
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._connection.close()

    def rollback(self) -> None:
        with suppress(sqlite3.Error):  # closing forgets the changes as well
            self._connection.execute("ROLLBACK")
        self._connection.close()

    def _execute(self, statement: str, values: Sequence[object]) -> sqlite3.Cursor:
        with named_faults(self._path):
            return self._connection.execute(statement, values)


def digest(searched: str) -> str:
    """Of the text that a chunk is embedded by: equal digests, equal vectors."""
    return hashlib.sha256(searched.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _row(document_id: str, chunk: Chunk) -> tuple[object, ...]:
    headings = json.dumps(chunk.headings, ensure_ascii=False)
    metadata = json.dumps(dict(chunk.metadata), ensure_ascii=False)
    searched = chunk.searched
    values = (chunk.id, document_id, chunk.ordinal, headings, chunk.text, chunk.tokens, metadata)
    return (*values, searched, digest(searched))
