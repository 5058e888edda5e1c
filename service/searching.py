"""`search` of the command line and of HTTP: a query to plain hits."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from core.errors import EmptyQuestionError, QuestionTooLongError
from core.types import EVERYTHING, Filters

if TYPE_CHECKING:
    from core.bootstrap import Inhouse
    from core.types import Hit

FILTERED_DEPTH = 100  # a pattern chooses among this many best hits


def search(
    inhouse: Inhouse, query: str, k: int, filters: Filters = EVERYTHING, *, source: str | None = None
) -> list[Hit]:
    """The k best hits; with `source`, a shell pattern such as `policies/*`, only those of matching files.

    Raises EmptyQuestionError, QuestionTooLongError, IndexEmptyError.
    """
    query = query.strip()
    longest = inhouse.settings.answering.max_question_chars
    if not query:
        raise EmptyQuestionError("The query is empty: write what to look for.")
    if len(query) > longest:
        raise QuestionTooLongError(f"The query has {len(query)} characters; at most {longest} are allowed.")
    if source is None:
        return inhouse.retriever.search(query, k, filters)
    matches = source_filter(source)
    found = inhouse.retriever.search(query, max(k, FILTERED_DEPTH), filters)
    return [hit for hit in found if matches(hit)][:k]


def source_filter(pattern: str) -> Callable[[Hit], bool]:
    """A file's path, a folder's path or a shell pattern, compared with case."""
    folder = pattern.rstrip("/") + "/*"
    return lambda hit: fnmatchcase(hit.chunk.source, pattern) or fnmatchcase(hit.chunk.source, folder)


def hit_json(hit: Hit, section: str | None = None) -> dict[str, Any]:
    """`section` is the text of the whole section, where it was asked for."""
    chunk = hit.chunk
    row: dict[str, Any] = {
        "source": chunk.source,
        "title": chunk.title,
        "heading": chunk.heading,
        "text": f"{chunk.headings[-1]}\n\n{chunk.text}" if chunk.headings else chunk.text,
        "score": round(hit.score, 4),
    }
    if hit.twins:
        row["also_in"] = [twin.source for twin in hit.twins]
    if "page" in chunk.metadata:
        row["page"] = chunk.metadata["page"]
    return row if section is None else {**row, "section": section}
