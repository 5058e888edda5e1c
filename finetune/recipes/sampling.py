"""Batches of examples of like length, which need little padding, in an order that a seed and epoch tell."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

_BLOCK = 16  # batches that are sorted together: so far examples may be from those that came beside them
_ALIKE = 1.15  # lengths within this ratio count as the same: refusals are short, and must not fill a batch


class LengthSorted:
    """A sampler: epochs are shuffled, blocks of them sorted, and the batches of a block shuffled again, so
    that a step's accumulated batches are of different lengths.
    """

    def __init__(self, lengths: Sequence[int], batch: int, seed: int) -> None:
        self._lengths = lengths
        self._batch = batch
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        rng = random.Random(f"{self._seed} {self._epoch}")
        order = list(range(len(self._lengths)))
        rng.shuffle(order)
        size = self._batch * _BLOCK
        for start in range(0, len(order), size):
            block = sorted(order[start : start + size], key=self._class)  # stable: else as shuffled
            batches = [block[at : at + self._batch] for at in range(0, len(block), self._batch)]
            short = batches.pop() if len(batches[-1]) < self._batch else []  # a short one stays the last
            rng.shuffle(batches)
            for batch in (*batches, short):
                yield from batch

    def _class(self, index: int) -> int:
        return int(math.log(max(1, self._lengths[index]), _ALIKE))
