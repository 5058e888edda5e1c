"""Cached answers in a SQLite file: they survive a restart, and several processes share them."""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from service.caching import LIST_LENGTH, SWEEP_EVERY_S

log = logging.getLogger("inhouse.cache")
Result = TypeVar("Result")

_BUSY_S = 0.25  # how long a writer waits for another one, before the value is not kept
_PAUSE_S = 5.0  # after a fault the file is left alone for this long
_MAX_VALUES = 20_000
_TABLES = """
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires REAL NOT NULL);
CREATE INDEX IF NOT EXISTS answers_by_expiry ON answers (expires);
CREATE TABLE IF NOT EXISTS lists (
    number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, value TEXT NOT NULL, expires REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS lists_by_name ON lists (name, number);
CREATE INDEX IF NOT EXISTS lists_by_expiry ON lists (expires);
"""


class SQLiteCache:
    """A Cache. Thread-safe; a file that is damaged is made anew, one that cannot be used is a miss."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._guard = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._swept = -math.inf
        self._paused_until = 0.0

    def get(self, key: str) -> str | None:
        def read(connection: sqlite3.Connection) -> str | None:
            statement = "SELECT value FROM answers WHERE key = ? AND expires > ?"
            row = connection.execute(statement, (key, self._clock())).fetchone()
            return None if row is None else str(row[0])

        return self._attempt(read)

    def set(self, key: str, value: str, ttl_s: int) -> None:
        def write(connection: sqlite3.Connection) -> None:
            row = (key, value, self._clock() + ttl_s)
            connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", row)

        self._attempt(write)

    def append(self, name: str, value: str, ttl_s: int) -> None:
        def write(connection: sqlite3.Connection) -> None:
            row = (name, value, self._clock() + ttl_s)
            connection.execute("INSERT INTO lists (name, value, expires) VALUES (?, ?, ?)", row)

        self._attempt(write)

    def since(self, name: str, mark: str) -> list[tuple[str, str]]:
        def read(connection: sqlite3.Connection) -> list[tuple[str, str]]:
            statement = (
                "SELECT number, value FROM lists WHERE name = ? AND number > ? AND expires > ?"
                " ORDER BY number DESC LIMIT ?"
            )
            values = (name, int(mark or 0), self._clock(), LIST_LENGTH)
            return [(str(number), text) for number, text in connection.execute(statement, values)][::-1]

        return self._attempt(read) or []

    def clear(self) -> None:
        def delete(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM answers")
            connection.execute("DELETE FROM lists")

        self._attempt(delete)

    def close(self) -> None:
        with self._guard:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _attempt(self, command: Callable[[sqlite3.Connection], Result]) -> Result | None:
        with self._guard:
            if self._paused_until and time.monotonic() < self._paused_until:
                return None
            try:
                connection = self._opened()
                result = command(connection)
                self._sweep(connection)
                self._paused_until = 0.0
                return result
            except sqlite3.OperationalError as error:  # locked, full, not writable
                self._pause(error)
            except sqlite3.DatabaseError as error:  # damaged: it holds nothing that cannot be computed anew
                log.warning("%s is damaged and made anew: %s", self._path, error)
                self._discard()
            except (OSError, ValueError) as error:
                self._pause(error)
            return None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, timeout=_BUSY_S
            )
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = OFF")  # a lost value costs an answer's time
                connection.execute("PRAGMA secure_delete = ON")
                connection.executescript(_TABLES)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _sweep(self, connection: sqlite3.Connection) -> None:
        """Now and then deletes what ran out, and the oldest of too many, also from the write-ahead log."""
        now = self._clock()
        if abs(now - self._swept) < SWEEP_EVERY_S:  # the clock may be set back
            return
        self._swept = now
        with suppress(sqlite3.OperationalError):  # another process writes: the next look tries again
            self._delete(connection, now)

    def _delete(self, connection: sqlite3.Connection, now: float) -> None:
        for table in ("answers", "lists"):
            connection.execute(f"DELETE FROM {table} WHERE expires <= ?", (now,))
            connection.execute(
                f"DELETE FROM {table} WHERE rowid IN"
                f" (SELECT rowid FROM {table} ORDER BY expires DESC LIMIT -1 OFFSET ?)",
                (_MAX_VALUES,),
            )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _pause(self, error: Exception) -> None:
        self._paused_until = time.monotonic() + _PAUSE_S
        log.warning("%s cannot be used, answers are not cached for a while: %s", self._path, error)

    def _discard(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)
