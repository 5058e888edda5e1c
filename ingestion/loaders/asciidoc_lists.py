"""AsciiDoc lists: their marks say how deep an item is, a `+` attaches a block to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

_ITEM = re.compile(r"\s*(?P<mark>\*{1,10}|-|\.{1,10}|\d{1,4}\.|[a-zA-Z]\.|<(?:\d+|\.)>)\s+(?P<text>\S.*)")
_TERM = re.compile(r"\s*(?P<term>\S.*?)(?P<mark>:{2,4}|;;)(?:\s+(?P<text>\S.*))?")
_CHECK = re.compile(r"\[[ xX*]\]\s+")
Inline = Callable[[str], str]


@dataclass(slots=True)
class ListMark:
    """What begins an item: its mark (`**`, `.`, `::`), the term of a description, the text after it."""

    mark: str
    text: str
    term: str = ""


@dataclass(slots=True)
class ListText:
    """The list that is being written; the marks of the items that are open say how deep the next one is."""

    inline: Inline
    lines: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)  # blanks that each depth is indented by

    @property
    def indent(self) -> str:
        """Of what belongs to the last item."""
        return " " * sum(self.gaps)

    def add(self, item: ListMark) -> None:
        if item.mark in self.marks:
            depth = self.marks.index(item.mark)
            del self.marks[depth + 1 :], self.numbers[depth + 1 :], self.gaps[depth:]
        else:
            depth = len(self.marks)
            self.marks.append(item.mark)
            self.numbers.append(0)
        self.numbers[depth] += 1
        ordered = item.mark[0] in ".<" or item.mark[0].isalnum()
        begin = f"{self.numbers[depth]}. " if ordered else "- "
        words = self.inline(_CHECK.sub("", item.text))
        if item.term:
            words = f"**{self.inline(item.term)}:** {words}".rstrip()
        self.lines.append(self.indent + begin + words)
        self.gaps.append(len(begin))

    @property
    def awaits_text(self) -> bool:
        """True after a term whose description has not begun."""
        return self.lines[-1].endswith(":**")

    def go_on(self, line: str) -> None:
        self.lines[-1] = f"{self.lines[-1] or self.indent[:-1]} {self.inline(line.strip())}"

    def attach(self, block: str) -> None:
        self.lines += ["", *(self.indent + line if line else line for line in block.split("\n")), ""]


def list_mark(line: str) -> ListMark | None:
    if item := _ITEM.fullmatch(line):
        mark = item["mark"]
        kind = "1." if mark[0].isdigit() else "a." if mark[0].isalpha() else "<1>" if mark[0] == "<" else mark
        return ListMark(kind, item["text"])
    if (term := _TERM.fullmatch(line)) and "::" not in term["term"]:
        return ListMark(term["mark"], term["text"] or "", term["term"])
    return None
