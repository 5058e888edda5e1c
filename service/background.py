"""Rows that are written a moment later by a thread of their own, many at a time, off the path of requests.

What is put while the process is killed is lost: at most the last tenth of a second. A stop writes all.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Row = TypeVar("Row")
log = logging.getLogger("inhouse.background")

_GATHER_S = 0.1  # rows of this long go into one transaction, and cost requests next to nothing that way
_BATCH = 200


class BackgroundWriter(Generic[Row]):
    """`write` gets rows in the order in which they were put. Thread-safe; `put` never blocks."""

    def __init__(self, write: Callable[[list[Row]], object], capacity: int = 5000) -> None:
        self._write = write
        self._capacity = capacity
        self._rows: list[Row] = []
        self._writing = 0  # rows that are being written right now
        self._state = threading.Condition()
        self._thread: threading.Thread | None = None
        self._hurried = threading.Event()
        self._closed = False
        self.written = 0
        self.dropped = 0  # refused because the writing falls behind, or not writable

    @property
    def waiting(self) -> int:
        return len(self._rows) + self._writing

    def put(self, row: Row) -> bool:
        """False where the row cannot be taken: too many wait, or the writer was closed."""
        with self._state:
            if self._closed or len(self._rows) >= self._capacity:
                self.dropped += 1
                return False
            self._rows.append(row)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="background-writer", daemon=True)
                self._thread.start()
            elif len(self._rows) == 1:
                self._state.notify_all()
        return True

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Waits until all that was put is written; False where that takes longer than the timeout."""
        self._hurried.set()
        with self._state:
            done = self._state.wait_for(lambda: not self._rows and not self._writing, timeout_s)
        if done:
            self._hurried.clear()
        return done

    def close(self, timeout_s: float = 5.0) -> None:
        """Writes what waits and ends the thread."""
        with self._state:
            self._closed = True
            self._state.notify_all()
            thread = self._thread
        self._hurried.set()
        if thread is not None:
            thread.join(timeout_s)
        if self._rows:
            log.error("%d rows could not be written before the end", len(self._rows))

    def _run(self) -> None:
        while True:
            with self._state:
                self._state.wait_for(lambda: self._rows or self._closed)
                if not self._rows:
                    return
            self._hurried.wait(_GATHER_S)
            with self._state:
                batch, self._rows = self._rows[:_BATCH], self._rows[_BATCH:]
                self._writing = len(batch)
            self._write_all(batch)
            with self._state:
                self._writing = 0
                self._state.notify_all()

    def _write_all(self, batch: list[Row]) -> None:
        """Together; where that fails one by one, so that a bad row takes no other along."""
        try:
            self._write(batch)
            self.written += len(batch)
            return
        except Exception as error:  # the thread has no caller to tell, and must go on
            if len(batch) == 1:
                self.dropped += 1
                log.warning("A row could not be written: %s", error)
                return
        for row in batch:
            self._write_all([row])
