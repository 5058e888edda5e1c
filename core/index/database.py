"""The SQLite file behind the catalogue: its tables, its connections, and what its faults are called.

meta ── version, fingerprint, build, embedder, dimension, name, chunks, dead
labels 1 ── n documents 1 ── n chunks
              documents 1 ── 1 file_changes

Each schema has a file of its own: while a new version of Inhouse builds its index, the one before goes on
reading the old file, which goes with the first commit.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import IndexUnavailableError

SCHEMA = 2
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE labels (id INTEGER PRIMARY KEY, value TEXT NOT NULL UNIQUE);
CREATE TABLE documents (
    id TEXT PRIMARY KEY, root TEXT NOT NULL, source TEXT NOT NULL, title TEXT NOT NULL,
    content_hash TEXT NOT NULL, chunks INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    indexed_at REAL NOT NULL, fingerprint TEXT NOT NULL, label INTEGER NOT NULL REFERENCES labels (id)
);
CREATE TABLE chunks (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    document_id TEXT NOT NULL REFERENCES documents (id), ordinal INTEGER NOT NULL,
    headings TEXT NOT NULL, text TEXT NOT NULL, tokens INTEGER NOT NULL, metadata TEXT NOT NULL,
    searched TEXT NOT NULL, digest TEXT NOT NULL
);
CREATE INDEX chunks_by_document ON chunks (document_id, ordinal);
CREATE INDEX chunks_by_digest ON chunks (digest);
"""
# Only writers read it, so they add it to a file that was made without it.
_FILE_CHANGES = (
    "CREATE TABLE IF NOT EXISTS file_changes (document_id TEXT PRIMARY KEY, ctime_ns INTEGER NOT NULL)"
)


def catalogue_path(folder: Path) -> Path:
    return folder / f"catalogue-{SCHEMA}.sqlite3"


def older_catalogues(folder: Path) -> list[Path]:
    """Files of other schemas, which other versions of Inhouse wrote."""
    return sorted(path for path in folder.glob("catalogue*.sqlite3") if path != catalogue_path(folder))


@contextmanager
def named_faults(path: Path) -> Iterator[None]:
    """SQLite's and the file system's faults as IndexUnavailableError with the file's folder in it."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise IndexUnavailableError(f"The index in {path.parent} cannot be used: {error}.") from error
    except sqlite3.DatabaseError as error:
        raise IndexUnavailableError(
            f"The index in {path.parent} is damaged ({error}); delete that folder and run `inhouse reindex`."
        ) from error
    except OSError as error:
        reason = error.strerror or error
        raise IndexUnavailableError(f"The index in {path.parent} cannot be written: {reason}.") from error


class Database:
    """A connection for each reading thread. Makes nothing: without a file every query finds nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._guard = threading.Lock()

    def select(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Raises IndexUnavailableError where the file is damaged, unreadable or of another version."""
        with named_faults(self.path):
            connection = self._reader()
            return connection.execute(statement, values).fetchall() if connection else []

    def connect_writer(self) -> sqlite3.Connection:
        """A new connection inside an open transaction; makes the file and its tables where there are none."""
        with named_faults(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = _connect(self.path)
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # heeded by a new file alone
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                for statement in filter(str.strip, _TABLES.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {SCHEMA}")
            connection.execute(_FILE_CHANGES)
            return connection

    def close(self) -> None:
        with self._guard:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
            self._local = threading.local()

    def _reader(self) -> sqlite3.Connection | None:
        """This thread's connection, or None as long as nothing was ever committed."""
        inode = _inode(self.path)
        existing: tuple[int, sqlite3.Connection] | None = getattr(self._local, "connection", None)
        if existing is not None and existing[0] == inode:
            return existing[1]
        if inode is None:
            return None
        connection = _connect(self.path)  # the first of this thread, or the file was deleted and made anew
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            connection.close()  # the first writer has not committed yet
            return None
        connection.execute("PRAGMA query_only = ON")
        self._local.connection = inode, connection
        with self._guard:
            self._connections.append(connection)
        return connection


def _inode(path: Path) -> int | None:
    """Looked up once for every select, so with one call of the system; None where there is no file."""
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
