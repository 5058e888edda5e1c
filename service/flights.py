"""Answers that are being made right now, so that identical questions are computed once.

All that ask for the same key share one source: whoever needs the next piece while nobody fetches it fetches
it for all, and when the last one leaves, the source is closed. A source may break off because of the one that
started it, who went away or whose time is up: the others then ask anew and go on behind what they have.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Piece = TypeVar("Piece")
_ATTEMPTS = 3  # shared ones; after so many faults of others everybody computes alone


class _Failed(Exception):
    """The source that somebody else started broke off."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Flight(Generic[Piece]):
    def __init__(self, source: Iterator[Piece]) -> None:
        self.riders = 0
        self._source = source
        self._pieces: list[Piece] = []
        self._changed = threading.Condition()
        self._fetching = False
        self.ended = False
        self._error: BaseException | None = None

    def ride(self, *, starter: bool) -> Iterator[Piece]:
        """All pieces from the first on. A fault is raised as it is to the starter, to others as _Failed."""
        position = 0
        while True:
            with self._changed:
                while position == len(self._pieces) and self._fetching:
                    self._changed.wait()
                fetches = position == len(self._pieces) and not self.ended
                if not fetches and position == len(self._pieces):
                    if self._error is None:
                        return
                    raise self._error if starter else _Failed(self._error)
                self._fetching = self._fetching or fetches
            if fetches:
                self._fetch()  # a fault is met in the next turn
            else:
                yield self._pieces[position]
                position += 1

    def close(self) -> None:
        close = getattr(self._source, "close", None)
        if close is not None:
            close()

    def _fetch(self) -> None:
        ended = False
        error: BaseException | None = None
        try:
            piece = next(self._source)
        except StopIteration:
            ended = True
        except Exception as raised:  # those who wait for the pieces raise it
            ended, error = True, raised
        except BaseException as raised:
            ended, error = True, raised
            raise
        finally:
            with self._changed:
                self._fetching = False
                self.ended, self._error = ended, error
                if not ended:
                    self._pieces.append(piece)
                self._changed.notify_all()


class Flights(Generic[Piece]):
    """One `Flight` for each key that is being computed in this process."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight[Piece]] = {}
        self._guard = threading.Lock()
        self.joined = 0  # how often somebody found the answer being made already

    def share(self, key: str, start: Callable[[], Iterator[Piece]]) -> Iterator[tuple[Piece, bool]]:
        """The pieces, each with whether somebody else had started them.

        Raises what the source raises to the one who started it. The others ask anew; where that begins with
        other pieces than they have, they get the fault after all.
        """
        handed_out: list[Piece] = []
        fault: BaseException | None = None
        for _ in range(_ATTEMPTS):
            flight, joined = self._board(key, start)
            try:
                for piece in _behind(handed_out, flight.ride(starter=not joined), fault):
                    yield piece, joined
                return
            except _Failed as failed:
                fault = failed.error
            finally:
                self._leave(key, flight)
        for piece in _behind(handed_out, start(), fault):
            yield piece, False

    def _board(self, key: str, start: Callable[[], Iterator[Piece]]) -> tuple[Flight[Piece], bool]:
        with self._guard:
            flight = self._flights.get(key)
            joined = flight is not None and not flight.ended
            if flight is None or flight.ended:
                flight = self._flights[key] = Flight(start())
            else:
                self.joined += 1
            flight.riders += 1
            return flight, joined

    def _leave(self, key: str, flight: Flight[Piece]) -> None:
        with self._guard:
            flight.riders -= 1
            last = flight.riders == 0
            if (last or flight.ended) and self._flights.get(key) is flight:
                del self._flights[key]
        if last:
            flight.close()


def _behind(handed_out: list[Piece], pieces: Iterator[Piece], fault: BaseException | None) -> Iterator[Piece]:
    """The pieces behind those that were handed out, which it joins. Raises the fault where those differ."""
    known = len(handed_out)
    for place, piece in enumerate(pieces):
        if place >= known:
            handed_out.append(piece)
            yield piece
        elif piece != handed_out[place] and fault is not None:
            raise fault
