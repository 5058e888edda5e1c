"""Lessons -> rows of token ids in which examples share the beginning of their prompts.

Passages are read once for all questions about them. Each token sees what stands before it in its own
example alone, at the position where it would stand by itself, so that a row computes what its examples would
one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from finetune.generating_data import Example
from finetune.pretraining.lessons import Lesson

_MISSES = 8  # lessons that fit into no row, before the rows are taken as full
_SHARED = 0  # the branch that all examples of a lesson begin with

Ints = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Rows:
    """Each `(rows, window)`. A token sees the tokens of its lesson's shared branch and of its own."""

    ids: Ints
    positions: Ints  # within its own example
    lesson: Ints  # number in the row; -1 behind the last one
    branch: Ints  # 0: what the examples of the lesson share
    following: Ints  # the id to foretell
    weights: Floats  # of foretelling it in the loss

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, start: int, end: int) -> Rows:
        return Rows(*(getattr(self, name)[start:end] for name in Rows.__slots__))

    def visible(self, device: torch.device) -> torch.Tensor:
        """`(rows, 1, window, window) bool`: whether the token of the third axis sees that of the fourth."""
        lesson, branch = (torch.from_numpy(each).to(device) for each in (self.lesson, self.branch))
        window = self.ids.shape[1]
        before = torch.ones(window, window, dtype=torch.bool, device=device).tril()
        same = lesson[:, :, None] == lesson[:, None, :]
        shown = (branch[:, None, :] == _SHARED) | (branch[:, :, None] == branch[:, None, :])
        return (before & same & shown)[:, None]


# (id, position, branch, following id, weight) of each token of a lesson
Laid = list[tuple[int, int, int, int, float]]


def lay(lesson: Sequence[Example], window: int, read_weight: float) -> Laid:
    """As many of its examples as a window holds, one at least."""
    prompts = [example.prompt for example in lesson]
    least = min(map(len, prompts)) - 1  # the last token foretells what each example writes
    shared = next((at for at in range(least) if len({prompt[at] for prompt in prompts}) > 1), least)
    laid = [
        (prompts[0][at], at, _SHARED, *_foretold(prompts[0], at, shared, read_weight)) for at in range(shared)
    ]
    branch = 0
    for example in lesson:
        whole = (*example.prompt, *example.completion)
        if branch and len(laid) + len(whole) - shared > window:
            continue
        branch += 1
        for at in range(shared, len(whole)):
            weight = 1.0 if at + 1 >= len(example.prompt) else read_weight
            laid.append((whole[at], at, branch, *_foretold(whole, at, len(whole), weight)))
    return laid


def _foretold(ids: Sequence[int], at: int, end: int, weight: float) -> tuple[int, float]:
    """(the id behind `at`, its weight): none behind the last one before `end`."""
    return (ids[at + 1], weight) if at + 1 < end else (0, 0.0)


def rows_of(lessons: Iterator[Lesson], count: int, window: int, read_weight: float, pad: int) -> Rows:
    """So many rows. Each lesson goes into the fullest one that it fits into."""
    rows: list[list[Laid]] = [[] for _ in range(count)]
    misses = 0
    while misses < _MISSES:
        laid = lay(next(lessons), window, read_weight)
        fitting = [row for row in rows if _length(row) + len(laid) <= window]
        if fitting:
            max(fitting, key=_length).append(laid)
        else:
            misses += 1
    return joined([_row(row, window, pad) for row in rows])


def _length(row: Sequence[Laid]) -> int:
    return sum(map(len, row))


def _row(row: Sequence[Laid], window: int, pad: int) -> Rows:
    held = [(*token, number) for number, laid in enumerate(row) for token in laid]
    held += [(pad, 0, _SHARED, 0, 0.0, -1)] * (window - len(held))
    ids, positions, branch, following, weights, lesson = (
        np.array([column]) for column in zip(*held, strict=True)
    )
    return Rows(ids, positions, lesson, branch, following, weights.astype(np.float32))


def parts_of(rows: Rows, size: int) -> Iterator[tuple[float, Rows]]:
    """(share of all, at most `size` rows)."""
    for start in range(0, len(rows), size):
        some = rows.part(start, start + size)
        yield len(some) / len(rows), some


def joined(some: Sequence[Rows]) -> Rows:
    return Rows(*(np.concatenate([getattr(one, name) for one in some]) for name in Rows.__slots__))


def logits_of(network: Any, rows: Rows) -> torch.Tensor:
    """`(rows, window, vocabulary)`."""
    device = next(network.parameters()).device
    found: torch.Tensor = network(
        input_ids=torch.from_numpy(rows.ids).to(device),
        attention_mask=rows.visible(device),
        position_ids=torch.from_numpy(rows.positions).to(device),
    ).logits
    return found


def loss_of(logits: torch.Tensor, rows: Rows) -> torch.Tensor:
    """The weighted mean of the cross-entropy, a scalar in nats."""
    weights = torch.from_numpy(rows.weights).to(logits.device).flatten()
    kept = weights > 0
    following = torch.from_numpy(rows.following).to(logits.device).flatten()[kept]
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1)[kept].float(), following, reduction="none"
    )
    return (losses * weights[kept]).sum() / weights.sum()
