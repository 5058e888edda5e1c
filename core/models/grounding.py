"""Grounded decoding: the model may only write whole units of the passages, or a refusal.

The units' token sequences form a trie. After each whole unit the model may write the passage's mark, begin
another unit that it has not used, or end. So it chooses what is quoted and in which order, and cannot write a
word or number of its own. What is shown is composed from the units that it went through, not from its tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import LogitsProcessor

from core.interfaces import Reading, ScoredUnit
from core.prompts import NOT_COVERED, Prompt
from core.reading import closed
from core.support import Sentence

_REFUSAL = -1  # stands in a path for one of the refusals
Path = tuple[int, ...]  # of units, by their place in `Spans.units`


@dataclass(slots=True, eq=False)
class _Node:
    depth: int
    children: dict[int, _Node] = field(default_factory=dict)
    ends: list[int] = field(default_factory=list)  # units whose tokens end here
    below: list[tuple[int, int]] = field(default_factory=list)  # (unit, its tokens) of those through here


@dataclass(frozen=True, slots=True)
class _State:
    path: Path  # units that are written whole
    node: Any = None  # _Node within the next unit; None: between two
    mark: tuple[int, ...] = ()  # tokens of a citation mark that are still to come


class Spans:
    """What may be written from one reading, by one tokenizer."""

    def __init__(self, reading: Reading, prompt: Prompt, tokenizer: Any, *, most: int) -> None:
        """`most` units at most in one answer."""
        self._tokenizer = tokenizer
        self._most = most
        self.units: list[ScoredUnit] = []
        self.texts: list[str] = []
        self._root = _Node(0)
        seen: set[str] = set()
        for scored in reading.units:
            text = prompt.safe(scored.unit.in_context())
            if text and text not in seen:
                seen.add(text)
                self._add(text, len(self.units))
                self.units.append(scored)
                self.texts.append(closed(text))
        self._add(NOT_COVERED, _REFUSAL)
        numbers = {scored.hit + 1 for scored in self.units}
        self._marks = {number: list(self._written(f"[{number}]")) for number in numbers}

    def start(self) -> frozenset[_State]:
        return frozenset({_State(())})

    def step(self, states: frozenset[_State], token: int) -> frozenset[_State]:
        """Empty where the token was not allowed."""
        return frozenset(following for state in states for following in self._follow(state, token))

    def allowed(self, states: frozenset[_State], room: int) -> tuple[set[int], bool]:
        """(tokens, whether the text may end here), with room for `room` more tokens."""
        tokens: set[int] = set()
        may_end = False
        for state in states:
            if state.mark:
                tokens.add(state.mark[0])
                continue
            if state.node is not None:
                tokens |= self._fitting(state.node, state.path, room)
            for path, marks in self._ended(state):
                may_end = True
                tokens.update(mark[0] for mark in marks if len(mark) < room)
                if self._may_go_on(path):
                    tokens |= self._fitting(self._root, path, room)
            if state.node is None and not state.path:
                tokens |= self._fitting(self._root, (), room)
        return tokens, may_end or not tokens

    def whole(self, states: frozenset[_State]) -> Path | None:
        """The units of a text that ended here; a unit that was cut off is left out. None: not allowed."""
        paths = [path for state in states for path, _ in self._ended(state)]
        return max([*paths, *(state.path for state in states)], key=len, default=None)

    def sentences(self, path: Path) -> list[Sentence]:
        """What is shown of the units of a path; nothing of a refusal."""
        return [Sentence(self.texts[unit], (self.units[unit],)) for unit in path if unit != _REFUSAL]

    def _add(self, text: str, unit: int) -> None:
        for ids in self._written(text):
            node = self._root
            for depth, token in enumerate(ids, 1):
                node = node.children.setdefault(token, _Node(depth))
                node.below.append((unit, len(ids)))
            if unit not in node.ends:
                node.ends.append(unit)

    def _written(self, text: str) -> Iterator[tuple[int, ...]]:
        """The text's tokens, at the beginning of a text and behind another word."""
        forms = (self._tokenizer(form, add_special_tokens=False)["input_ids"] for form in (text, f" {text}"))
        return iter({tuple(ids) for ids in forms if ids})

    def _follow(self, state: _State, token: int) -> Iterator[_State]:
        if state.mark:
            if token == state.mark[0]:
                yield _State(state.path, None, state.mark[1:])
            return
        if state.node is not None and token in state.node.children:
            yield _State(state.path, state.node.children[token])
        if state.node is None and not state.path and token in self._root.children:
            yield _State((), self._root.children[token])
        for path, marks in self._ended(state):
            for mark in marks:
                if mark[0] == token:
                    yield _State(path, None, mark[1:])
            if self._may_go_on(path) and token in self._root.children:
                yield _State(path, self._root.children[token])

    def _ended(self, state: _State) -> Iterator[tuple[Path, Sequence[tuple[int, ...]]]]:
        """(units written whole, marks that may follow) where a unit may be over."""
        if state.mark:
            return
        if state.node is None:
            if state.path:
                yield state.path, ()
            return
        for unit in state.node.ends:
            if unit == _REFUSAL and not state.path:
                yield (_REFUSAL,), ()
            elif unit != _REFUSAL and unit not in state.path:
                yield (*state.path, unit), self._marks[self.units[unit].hit + 1]

    def _may_go_on(self, path: Path) -> bool:
        return path != (_REFUSAL,) and len(path) < self._most

    def _fitting(self, node: _Node, path: Path, room: int) -> set[int]:
        """Tokens that lead to the end of a unit which is not used yet and fits."""

        def fits(unit: int, tokens: int) -> bool:
            unused = not path if unit == _REFUSAL else unit not in path
            return unused and tokens - node.depth <= room

        return {
            token
            for token, child in node.children.items()
            if any(fits(unit, tokens) for unit, tokens in child.below)
        }


class Walk:
    """Follows the tokens of one text, so that each unit can be shown as soon as it is certain."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans
        self._states = spans.start()

    def push(self, tokens: Sequence[int]) -> Path:
        """The units that are certain by now."""
        for token in tokens:
            self._states = self._spans.step(self._states, token)
        paths = [state.path for state in self._states]
        shortest = min(paths, key=len, default=())
        return shortest if all(path[: len(shortest)] == shortest for path in paths) else ()

    def end(self) -> Path:
        return self._spans.whole(self._states) or ()


class SpanProcessor(LogitsProcessor):
    """Leaves each row of scores only the tokens that may come next; for greedy search, sampling and beams."""

    def __init__(self, spans: Spans, *, begin: int, max_tokens: int, end_tokens: Sequence[int]) -> None:
        """`begin` tokens stand before the first written one. The last of `max_tokens` is kept for the end."""
        self._spans = spans
        self._begin = begin
        self._max_tokens = max_tokens
        self._end_tokens = list(end_tokens)
        self._known: dict[tuple[int, ...], frozenset[_State]] = {(): spans.start()}

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        written = [tuple(row) for row in input_ids[:, self._begin :].tolist()]
        known = {ids: self._states(ids) for ids in written}
        masked = torch.full_like(scores, -torch.inf)
        for row, ids in enumerate(written):
            tokens, may_end = self._spans.allowed(known[ids], self._max_tokens - 1 - len(ids))
            allowed = sorted({*tokens, *self._end_tokens} if may_end else tokens)
            left = scores[row, allowed]
            # Another processor may have taken all that is allowed away; a broken model may give no numbers.
            masked[row, allowed] = torch.where(left > -torch.inf, left, -1e4) if known[ids] else left
        self._known = known
        return masked

    def _states(self, ids: tuple[int, ...]) -> frozenset[_State]:
        if ids in self._known:
            return self._known[ids]
        if ids and ids[:-1] in self._known:
            return self._spans.step(self._known[ids[:-1]], ids[-1])
        states = self._spans.start()
        for token in ids:
            states = self._spans.step(states, token)
        return states
