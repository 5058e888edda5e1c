"""Stretches of a text with their length in tokens, each counted once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from langchain_text_splitters import RecursiveCharacterTextSplitter

from core.units import plain, split_sentences

CountTokens = Callable[[str], int]

_CUTS = ["\n\n", "\n", " | ", "; ", ", ", " ", ""]  # where too long a sentence or row is cut, best first


@dataclass(frozen=True, slots=True)
class Span:
    """text[start:end]; its tokens by the embedder's tokenizer, without Markdown marks and link targets."""

    start: int
    end: int
    tokens: int


class SpannedText:
    def __init__(self, text: str, count_tokens: CountTokens) -> None:
        self.text = text
        self._count = count_tokens
        self._counted: dict[tuple[int, int], int] = {}
        self._line_starts = [0]
        for line in text.split("\n"):
            self._line_starts.append(self._line_starts[-1] + len(line) + 1)

    def span(self, start: int, end: int) -> Span:
        tokens = self._counted.get((start, end))
        if tokens is None:
            words = plain(self.text[start:end])
            tokens = self._counted[start, end] = self._count(words) if words else 0
        return Span(start, end, tokens)

    def lines(self, first: int, last: int) -> Span:
        """Lines from `first` up to, not including, `last`, blank lines at the end left out."""
        while last > first + 1 and not self._line(last - 1).strip():
            last -= 1
        return self.span(self._line_starts[first], self._line_starts[last] - 1)

    def line_start(self, number: int) -> int:
        """Where a line begins; the end of the text where it has no such line."""
        return self._line_starts[number] if number < len(self._line_starts) else len(self.text)

    def of(self, span: Span) -> str:
        return self.text[span.start : span.end]

    def sentences(self, span: Span) -> list[Span]:
        return self._located(span, split_sentences(self.of(span)))

    def cut(self, span: Span, room: int) -> list[Span]:
        """Spans of at most `room` tokens, cut where it hurts least."""
        splitter = RecursiveCharacterTextSplitter(
            chunk_size=room,
            chunk_overlap=0,
            length_function=lambda part: max(1, self._count(plain(part))),  # parts of length 0 come twice
            separators=_CUTS,
            keep_separator="end",
        )
        return self._located(span, splitter.split_text(self.of(span)))

    def _line(self, number: int) -> str:
        return self.text[self._line_starts[number] : self._line_starts[number + 1] - 1]

    def _located(self, span: Span, parts: Sequence[str]) -> list[Span]:
        found, cursor = [], span.start
        for part in parts:
            start = self.text.index(part, cursor, span.end)
            cursor = start + len(part)
            found.append(self.span(start, cursor))
        return found
