"""Questions that were answered, and those among them that ask the same as a new one.

The store keeps the questions of all processes; each process holds their vectors in memory, fetches what was
added before it looks, and forgets questions whose time is over or that are of an older index or model.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.interfaces import Cache, FloatMatrix
from service.likeness import Sense, sense_of

_GENERATIONS = 4  # of index and model that are asked by turns
_MAX_ENTRIES = 5000  # in memory, of all spaces together


@dataclass(frozen=True, slots=True)
class Neighbour:
    question: str
    key: str  # of its answer
    sense: Sense
    expires: float  # in seconds since 1970, as all processes count


@dataclass
class _Space:
    """Questions whose answers may stand for each other: same index, model, scope and decoding."""

    mark: str = ""  # up to which the store's list is known
    # Both are replaced and never changed, since `find` goes on with them outside the lock.
    entries: list[Neighbour] = field(default_factory=list)
    vectors: FloatMatrix | None = None  # (n, dimension)

    def add(self, entries: list[Neighbour], vectors: list[NDArray[np.float32]]) -> None:
        rows = np.stack(vectors)
        known = [] if self.vectors is None else [self.vectors]
        self.vectors = np.concatenate([*known, rows])[-_MAX_ENTRIES:]
        self.entries = [*self.entries, *entries][-_MAX_ENTRIES:]

    def forget(self, now: float) -> None:
        """What ran out; the oldest stand first."""
        living = next((n for n, entry in enumerate(self.entries) if entry.expires > now), len(self.entries))
        if living and self.vectors is not None:
            self.entries, self.vectors = self.entries[living:], self.vectors[living:].copy()

    def drop(self, entry: Neighbour) -> None:
        assert self.vectors is not None
        place = self.entries.index(entry)
        self.vectors = np.delete(self.vectors, place, axis=0)
        self.entries = [*self.entries[:place], *self.entries[place + 1 :]]


class Neighbours:
    """Thread-safe."""

    def __init__(self, store: Cache, similarity: float, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._similarity = similarity
        self._clock = clock
        self._spaces: OrderedDict[tuple[str, str], _Space] = OrderedDict()  # by generation and space
        self._guard = threading.Lock()

    def __len__(self) -> int:
        return sum(len(space.entries) for space in self._spaces.values())

    def find(self, generation: str, name: str, question: str, vector: NDArray[np.float32]) -> list[Neighbour]:
        """The questions of the space that ask the same, most similar first."""
        with self._guard:
            space = self._fetched(generation, name)
            if space.vectors is None or not space.entries:
                return []
            entries, cosines = space.entries, space.vectors @ vector
        order = [int(row) for row in np.argsort(-cosines) if cosines[row] >= self._similarity]
        if not order:
            return []
        sense = sense_of(question)
        return [entries[row] for row in order if entries[row].sense.agrees(sense)]

    def add(self, name: str, question: str, key: str, vector: NDArray[np.float32], ttl_s: int) -> None:
        """For all processes, this one included, from their next `find` on."""
        packed = base64.b64encode(vector.astype(np.float16).tobytes()).decode()
        row = {"question": question, "key": key, "vector": packed, "expires": self._clock() + ttl_s}
        self._store.append(name, json.dumps(row, ensure_ascii=False), ttl_s)

    def drop(self, generation: str, name: str, entry: Neighbour) -> None:
        """For an entry whose answer is gone."""
        with self._guard:
            space = self._spaces.get((generation, name))
            if space is not None and entry in space.entries:
                space.drop(entry)

    def _fetched(self, generation: str, name: str) -> _Space:
        space = self._spaces.setdefault((generation, name), _Space())
        self._spaces.move_to_end((generation, name))
        recent = list(dict.fromkeys(known for known, _ in reversed(self._spaces)))[:_GENERATIONS]
        for known in [known for known in self._spaces if known[0] not in recent]:
            del self._spaces[known]
        entries, vectors = [], []
        for mark, row in self._store.since(name, space.mark):
            space.mark = mark
            if (parsed := _parse(row)) is not None:
                entries.append(parsed[0])
                vectors.append(parsed[1])
        if entries:
            space.add(entries, vectors)
        for held in self._spaces.values():
            held.forget(self._clock())
        while len(self) > _MAX_ENTRIES and len(self._spaces) > 1:
            self._spaces.popitem(last=False)
        return space


def _parse(row: str) -> tuple[Neighbour, NDArray[np.float32]] | None:
    """None where the row is not of this version's form."""
    try:
        fields = json.loads(row)
        vector = np.frombuffer(base64.b64decode(fields["vector"]), np.float16).astype(np.float32)
        question, key = str(fields["question"]), str(fields["key"])
        return Neighbour(question, key, sense_of(question), float(fields["expires"])), vector
    except (ValueError, KeyError, TypeError):
        return None
