"""What a file may ask of the machine: one sentence for each limit, with the setting that moves it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypeVar

from selectolax.lexbor import LexborHTMLParser, LexborNode

from core.errors import SourceError
from core.settings import IngestionSettings

_Row = TypeVar("_Row")
_TAG = re.compile(r"<(/?)([a-zA-Z][\w-]*)")
_CLOSED_BY_OTHERS = (
    *("area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta", "option"),
    *("p", "source", "tbody", "td", "tfoot", "th", "thead", "tr", "track", "wbr"),
)
_PARSER_SLACK = 20  # so many times the limit may be open, by a count of the tags, in what is parsed


def over_limit(has: str, setting: str, limit: object) -> SourceError:
    shown = f"{limit:,}" if isinstance(limit, int) else limit
    return SourceError(f"It has {has}; the limit is {shown} (INHOUSE_INGESTION__{setting.upper()}).")


def nested_too_deeply(settings: IngestionSettings) -> SourceError:
    limit = settings.max_nesting
    return SourceError(
        f"It is nested too deeply; the limit is {limit} levels (INHOUSE_INGESTION__MAX_NESTING)."
    )


def at_most_rows(rows: Iterable[_Row], settings: IngestionSettings) -> Iterator[_Row]:
    """The rows as they come. Raises SourceError at the first one over `max_rows`."""
    for number, row in enumerate(rows, start=1):
        if number > settings.max_rows:
            raise over_limit(f"more than {settings.max_rows:,} rows", "max_rows", settings.max_rows)
        yield row


def parsed_html(text: str, settings: IngestionSettings) -> LexborHTMLParser:
    """The page's tree. Raises SourceError where elements are nested deeper than `max_nesting`.

    The parser takes quadratic time for nested elements, so the tags are counted before.
    """
    open_tags: Counter[str] = Counter()
    depth = 0
    for match in _TAG.finditer(text):
        tag = match.group(2).lower()
        if tag in _CLOSED_BY_OTHERS:
            continue
        step = -1 if match.group(1) else 1
        if open_tags[tag] + step >= 0:
            open_tags[tag] += step
            depth += step
        if depth > _PARSER_SLACK * settings.max_nesting:
            raise nested_too_deeply(settings)
    tree = LexborHTMLParser(text)
    if tree.root is not None and _depth(tree.root) > settings.max_nesting:
        raise nested_too_deeply(settings)
    return tree


def _depth(root: LexborNode) -> int:
    deepest, waiting = 0, [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        waiting += [(child, depth + 1) for child in node.iter()]
    return deepest
