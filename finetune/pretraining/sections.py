"""Documents -> passages, by their headings; a long section in pieces of whole blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from core.types import Chunk

LONGEST = 900  # characters
_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$")
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_SHORTEST = 12  # words


def chunks_of(path: str, text: str) -> list[Chunk]:
    """Those with enough to say, in their order; code is left out."""
    title, found = "", []
    headings: list[tuple[int, str]] = []
    for level, heading, body in _sections(_FENCE.sub("", text)):
        if heading and not title and level == 1:
            title = heading
        elif heading:
            headings = [kept for kept in headings if kept[0] < level] + [(level, heading)]
        found += [(tuple(name for _, name in headings), piece) for piece in _pieces(body)]
    title = title or PurePosixPath(path).stem.replace("-", " ")
    return [
        Chunk(f"{path}#{ordinal}", path, path, title, names, piece, ordinal)
        for ordinal, (names, piece) in enumerate(found)
        if len(piece.split()) >= _SHORTEST
    ]


def _sections(text: str) -> Iterator[tuple[int, str, str]]:
    """(level, heading, what stands under it)."""
    level, heading = 0, ""
    body: list[str] = []
    for line in text.split("\n"):
        if found := _HEADING.match(line):
            yield level, heading, "\n".join(body).strip()
            level, heading, body = len(found[1]), found[2], []
        else:
            body.append(line)
    yield level, heading, "\n".join(body).strip()


def _pieces(body: str) -> Iterator[str]:
    piece = ""
    for block in re.split(r"\n\s*\n", body):
        if piece and len(piece) + len(block) > LONGEST:
            yield piece
            piece = ""
        if len(block) <= LONGEST:
            piece = f"{piece}\n\n{block}".strip()
    if piece:
        yield piece
