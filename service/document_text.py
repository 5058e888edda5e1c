"""An indexed document as people read it: its chunks in order, without what chunks repeat of each other.

A chunk that was cut out of its section begins with what gives it context: the last sentences of the prose
before it, the lead-in of its list, the header of its table (`ingestion.chunking`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from core.types import Chunk
from core.units import plain, split_sentences

_ITEM = re.compile(r"(\s*)(?:[-*+•]|\d{1,3}[.)]|[a-zA-Z][.)])\s")
_RULE = re.compile(r"\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*")
_MOST_SENTENCES = 5  # that `ingestion.chunk_overlap_sentences` may repeat


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under one heading. `text` is Markdown."""

    heading: str  # the heading path, `Leave > Parental leave`, as citations have it
    text: str
    page: int | None = None  # where it begins, from 1, of a document that has pages


def sections(chunks: Sequence[Chunk]) -> list[Section]:
    """The text of one document's chunks, which come in their order."""
    found: list[Section] = []
    before: Chunk | None = None
    for chunk in chunks:
        if before is not None and chunk.headings == before.headings:
            text = _joined(found[-1].text, before.text, chunk.text)
            found[-1] = replace(found[-1], text=text)
        else:
            heading = " > ".join(plain(name) for name in chunk.headings)
            found.append(Section(heading, chunk.text, chunk.metadata.get("page")))
        before = chunk
    return found


def _joined(text: str, before: str, after: str) -> str:
    """`text`, which ends with the chunk `before`, continued by what is new in the chunk `after`."""
    start = _repeated(before, after)
    rest = after[start:]
    if not rest.strip():
        return text
    last = text.rstrip("\n").rpartition("\n")[2]
    first = rest.lstrip("\n").partition("\n")[0]
    if (_ITEM.match(last) and _ITEM.match(first)) or (_is_row(last) and _is_row(first)):
        return text.rstrip("\n") + "\n" + rest.strip("\n")
    between = "" if start and rest[0].isspace() else "\n\n"
    return text + between + rest


def _repeated(before: str, after: str) -> int:
    """How many characters at the start of `after` repeat what `before` holds."""
    start = _overlap(before, after)
    known = {line.strip() for line in before.split("\n")}
    lines = list(_lines(after, start))
    for number, (line, end) in enumerate(lines):
        follows = next((later for later, _ in lines[number + 1 :] if later.strip()), "")
        if not line.strip():
            continue
        # A lead-in may be the last sentence of a paragraph; a row or an item is a line.
        held = line.strip() in (known if _is_row(line) or _ITEM.match(line) else before)
        if not held or not follows or not _leads(line, follows):
            break
        start = end
    return start


def _overlap(before: str, after: str) -> int:
    """The length of the first sentences of `after` with which `before` ends."""
    longest = end = 0
    ending = before.rstrip()
    for sentence in islice(split_sentences(after), _MOST_SENTENCES):
        end = after.index(sentence, end) + len(sentence)
        if ending.endswith(after[:end]):
            longest = end
    return longest


def _lines(text: str, start: int) -> Iterator[tuple[str, int]]:
    """The lines from `start` on, each with the position of its end."""
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield text[start:end], end
        start = end + 1


def _leads(line: str, follows: str) -> bool:
    """Whether a line gives context to the one after it: a table's header and its rule, a list's lead-in, an
    item above deeper ones.
    """
    if _is_row(line):
        return bool(_RULE.fullmatch(line) or _RULE.fullmatch(follows))
    item, below = _ITEM.match(line), _ITEM.match(follows)
    if item:
        return len(follows) - len(follows.lstrip()) > len(item[1])
    return below is not None or _is_row(follows)


def _is_row(line: str) -> bool:
    return line.lstrip().startswith("|")
