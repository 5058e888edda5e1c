"""JSON values as Markdown: objects as sections and lists, like objects as rows of a table or as entries.

A text that is HTML, as help desks export it, is converted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from core.settings import IngestionSettings
from ingestion.loaders.html_marks import blocks
from ingestion.loaders.limits import parsed_html
from ingestion.loaders.records import one_line, readable_name, records_markdown, text_blocks

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | bool | None"
TITLES = ("title", "name", "heading", "subject")
_LONGEST_ITEM = 160  # characters
_DEEPEST_HEADING = 4
_HTML = re.compile(r"</(?:p|div|ul|ol|li|table|h[1-6]|span|strong|b|em|a)>|<br\s*/?>", re.IGNORECASE)


def naming_key(value: Mapping[str, JSON], names: Sequence[str]) -> str | None:
    """The first of the names that is a key of the object with a short text."""
    keys = {key.casefold(): key for key in reversed(list(value))}
    for name in names:
        text = value[keys[name]] if name in keys else None
        if isinstance(text, str) and text.strip() and _is_short(text.strip()):
            return keys[name]
    return None


class JSONWriter:
    """Raises SourceError where HTML in a text is nested deeper than `max_nesting`."""

    def __init__(self, settings: IngestionSettings) -> None:
        self.settings = settings

    def value(self, value: JSON, level: int) -> Iterator[str]:
        """Any value as Markdown blocks, with headings from `level` down."""
        if isinstance(value, dict):
            yield from self._object(value, level)
        elif isinstance(value, list):
            yield from self._list(value, level)
        elif text := self._text(value):
            yield text_blocks(text)

    def _object(self, value: dict[str, JSON], level: int) -> Iterator[str]:
        """Short values as a list, then texts as paragraphs, then objects and lists as sections below them."""
        flat = [(readable_name(key), self._flat(inner)) for key, inner in value.items()]
        items = [f"- {name}: {one_line(text)}" for name, text in flat if text and _is_short(text)]
        if items:
            yield "\n".join(items)
        for name, text in flat:
            if text and not _is_short(text):
                yield f"{name}:\n\n{text_blocks(text)}"
        for key, inner in value.items():
            if isinstance(inner, dict | list) and not self._flat(inner):
                yield from self._inner(readable_name(key), inner, level)

    def _inner(self, name: str, value: JSON, level: int) -> Iterator[str]:
        if level <= _DEEPEST_HEADING:
            if found := list(self.value(value, level + 1)):
                yield "\n\n".join([f"{'#' * level} {name}", *found])
        elif lines := list(self._nested(value, "  ")):
            yield "\n".join([f"- {name}:", *lines])

    def _flat(self, value: JSON) -> str:
        """The text of a plain value or of a list of short ones; empty for all others."""
        if isinstance(value, list):
            return self._words(value)
        return "" if isinstance(value, dict) else self._text(value)

    def _list(self, values: list[JSON], level: int) -> Iterator[str]:
        objects = [value for value in values if isinstance(value, dict)]
        if len(objects) < len(values) or not objects:
            for value in values:
                if isinstance(value, dict | list):
                    yield from self.value(value, level)
            plain = [self._text(value) for value in values if not isinstance(value, dict | list)]
            if any(plain):
                yield "\n".join(f"- {one_line(text)}" for text in plain if text)
            return
        keys = list(dict.fromkeys(key for value in objects for key in value))
        if len(objects) > 1 and _are_alike(objects, keys):
            rows = [[self._cell(value.get(key)) for key in keys] for value in objects]
            used = [number for number in range(len(keys)) if any(row[number] for row in rows)]
            names = [readable_name(keys[number]) for number in used]
            yield records_markdown(names, [[row[number] for number in used] for row in rows], level)
            return
        for number, found_object in enumerate(objects, start=1):
            naming = naming_key(found_object, (*TITLES, "question", "term", "id"))
            heading = one_line(str(found_object[naming])) if naming else f"Record {number}"
            rest = {key: inner for key, inner in found_object.items() if key != naming}
            # A heading without text is found by no question: an object that only has a name repeats it.
            if found := list(self._object(rest, level + 1)) or list(self._object(found_object, level + 1)):
                yield "\n\n".join([f"{'#' * min(level, 6)} {heading}", *found])

    def _nested(self, value: JSON, indent: str) -> Iterator[str]:
        """List items below list items, where headings have come to their end."""
        pairs = [("", inner) for inner in value] if isinstance(value, list) else []
        pairs = list(value.items()) if isinstance(value, dict) else pairs
        for key, inner in pairs:
            name = readable_name(key)
            if not isinstance(inner, dict | list):
                if text := one_line(self._text(inner)):
                    yield f"{indent}- {name}: {text}" if name else f"{indent}- {text}"
            elif lines := list(self._nested(inner, indent + "  " if name else indent)):
                yield from [f"{indent}- {name}:", *lines] if name else lines

    def _cell(self, value: JSON | None) -> str:
        if isinstance(value, list):
            return self._words(value) or "; ".join(filter(None, map(self._cell, value)))
        if isinstance(value, dict):
            pairs = ((readable_name(key), self._cell(inner)) for key, inner in value.items())
            return ", ".join(f"{key}: {text}" for key, text in pairs if text)
        return self._text(value)

    def _words(self, values: list[JSON]) -> str:
        """Short plain values, one after the other; empty where there are others."""
        texts = (
            [] if any(isinstance(value, dict | list) for value in values) else list(map(self._text, values))
        )
        joined = ", ".join(filter(None, map(one_line, texts)))
        return joined if len(joined) <= _LONGEST_ITEM else ""

    def _text(self, value: JSON | None) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        if not isinstance(value, str):
            return ""
        text = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", value).strip()
        if _HTML.search(text):
            body = parsed_html(text, self.settings).body
            return "\n\n".join(blocks(body)) if body else ""
        return re.sub(r"\r\n?", "\n", text)


def _is_short(text: str) -> bool:
    return len(text) <= _LONGEST_ITEM and "\n" not in text


def _are_alike(objects: list[dict[str, JSON]], keys: list[str]) -> bool:
    """True where most objects have most of the keys, and none holds lists of objects."""
    flat = not any(
        isinstance(deeper, dict | list)
        for value in objects
        for inner in value.values()
        if isinstance(inner, dict | list)
        for deeper in (inner.values() if isinstance(inner, dict) else inner)
    )
    return flat and len(keys) <= 40 and sum(map(len, objects)) >= 0.6 * len(keys) * len(objects)
