"""How long an answer may take, by stage and in all.

A Python thread cannot be stopped from outside, so the answering path looks at its deadline between stages
and before each piece that a generator writes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from core.errors import AbandonedError, StageTimeoutError

Piece = TypeVar("Piece")


class Deadline:
    """Of one answer: it begins when this is made.

    `stage_s` holds seconds by stage name, 0 for no limit, `total_s` those of all stages together. One thread
    answers; any other may call `abandon`.
    """

    def __init__(
        self,
        stage_s: Mapping[str, float] | None = None,
        total_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stage_s = stage_s or {}
        self._total_s = total_s
        self._clock = clock
        self._started = clock()
        self._abandoned = False

    def abandon(self) -> None:
        """Nobody waits for the answer any more: the next check raises."""
        self._abandoned = True

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Raises AbandonedError and StageTimeoutError before and after what runs inside."""
        started = self._clock()
        self._check(name, started)
        yield
        self._check(name, started)

    def each(self, name: str, pieces: Iterable[Piece]) -> Generator[Piece]:
        """The pieces of a stage, checked before each one is handed on; a generator is closed on a fault."""
        started = self._clock()
        try:
            for piece in pieces:
                self._check(name, started)
                yield piece
        finally:
            if isinstance(pieces, Generator):
                pieces.close()

    def check(self, name: str = "total") -> None:
        """As at the beginning of a stage."""
        self._check(name, self._clock())

    def _check(self, name: str, stage_started: float) -> None:
        if self._abandoned:
            raise AbandonedError("The asker went away before the answer was there.")
        now = self._clock()
        if 0 < self._stage_s.get(name, 0) <= now - stage_started:
            raise timed_out(name, self._stage_s[name])
        if 0 < self._total_s <= now - self._started:
            raise timed_out("total", self._total_s, during=name)


def timed_out(stage: str, limit_s: float, *, during: str = "") -> StageTimeoutError:
    """`stage` is a stage's name, `queue` or `total`; `during` is the stage in which the total ran out."""
    where = f" in the stage {during!r}" if during else ""
    return StageTimeoutError(
        f"The answer took too long: {stage!r} passed its limit of {limit_s:g} s{where}. Try again later."
    )
