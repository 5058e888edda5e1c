"""One change of the catalogue: everything between opening and `commit` happens at once or not at all."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress

from core.index.database import Database, named_faults
from core.types import Chunk, Document
from core.units import plain


class Transaction:
    """Open from construction until `commit` or `rollback`. One at a time: the index's lock sees to that."""

    def __init__(self, database: Database) -> None:
        self._path = database.path
        self._connection = database.connect_writer()
        self._removed_any = False

    def put(
        self,
        document: Document,
        chunks: Sequence[Chunk],
        *,
        root: str,
        size: int,
        mtime_ns: int,
        fingerprint: str,
    ) -> set[str]:
        """Writes a document in place of the one with its id; returns the ids of the chunks it replaces."""
        replaced = self.remove(document.id)
        origin = (document.id, root, document.source, document.title, document.content_hash)
        row = (*origin, size, mtime_ns, time.time(), fingerprint)
        self._execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        for chunk in chunks:
            self._put_chunk(document, chunk)
        return replaced

    def remove(self, document_id: str) -> set[str]:
        """Deletes a document with its chunks; returns the ids of the chunks."""
        rows = self._execute("SELECT number, id FROM chunks WHERE document_id = ?", (document_id,)).fetchall()
        for number, _ in rows:
            self._execute("DELETE FROM words WHERE rowid = ?", (number,))
        self._execute("DELETE FROM chunks WHERE document_id = ?", (document_id,))
        self._execute("DELETE FROM documents WHERE id = ?", (document_id,))
        self._removed_any |= bool(rows)
        return {chunk_id for _, chunk_id in rows}

    def touch(self, document_id: str, *, size: int, mtime_ns: int) -> None:
        """Notes that the file was written again with the same content."""
        statement = "UPDATE documents SET size = ?, mtime_ns = ? WHERE id = ?"
        self._execute(statement, (size, mtime_ns, document_id))

    def set_meta(self, key: str, value: str) -> None:
        self._execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def chunk_ids(self) -> set[str]:
        """Every chunk id as it will be after the commit."""
        return {row[0] for row in self._execute("SELECT id FROM chunks", ()).fetchall()}

    def commit(self) -> None:
        if self._removed_any:  # FTS5 keeps deleted words in old segments until they are merged
            self._execute("INSERT INTO words (words) VALUES ('optimize')", ())
        self._execute("COMMIT", ())
        self._connection.close()

    def rollback(self) -> None:
        with suppress(sqlite3.Error):  # closing forgets the changes as well
            self._connection.execute("ROLLBACK")
        self._connection.close()

    def _put_chunk(self, document: Document, chunk: Chunk) -> None:
        headings = json.dumps(chunk.headings, ensure_ascii=False)
        metadata = json.dumps(dict(chunk.metadata), ensure_ascii=False)
        values = (chunk.id, document.id, chunk.ordinal, headings, chunk.text, chunk.tokens, metadata)
        number = self._execute("INSERT INTO chunks VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", values).lastrowid
        words = (number, chunk.title, " ".join(chunk.headings), plain(chunk.text))
        self._execute("INSERT INTO words (rowid, title, headings, text) VALUES (?, ?, ?, ?)", words)

    def _execute(self, statement: str, values: Sequence[object]) -> sqlite3.Cursor:
        with named_faults(self._path):
            return self._connection.execute(statement, values)
