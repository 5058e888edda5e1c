"""JSON and JSON Lines, numbers as they are written in the file."""

from __future__ import annotations

import json

from core.errors import SourceError
from core.settings import IngestionSettings
from ingestion.loaders.files import Converted, FileLoader, decode, title_from_name
from ingestion.loaders.json_markdown import JSON, TITLES, JSONWriter, naming_key
from ingestion.loaders.limits import at_most_rows, nested_too_deeply, over_limit
from ingestion.loaders.records import one_line


class JSONLoader(FileLoader):
    """Raises SourceError for lists longer than `max_rows` and values nested deeper than `max_nesting`."""

    def convert(self, data: bytes) -> Converted:
        value = _parsed(decode(data), lines=self.path.suffix.lower() in (".jsonl", ".ndjson"), loader=self)
        _check(value, self.settings)
        title, rest = title_from_name(self.path), value
        if isinstance(value, dict) and (key := naming_key(value, TITLES)):
            title = one_line(str(value[key]))
            rest = {name: inner for name, inner in value.items() if name != key}
        writer = JSONWriter(self.settings)
        found = list(writer.value(rest, 2)) or list(writer.value(value, 2))
        return Converted("\n\n".join([f"# {title}", *found]) if found else "", title)


def _parsed(text: str, *, lines: bool, loader: JSONLoader) -> JSON:
    try:
        if not lines:
            return _value(text)
    except json.JSONDecodeError as error:
        if "\n" not in text.strip() or not error.msg.startswith("Extra data"):
            raise SourceError(f"It is not readable JSON (line {error.lineno}: {error.msg}).") from error
    filled = ((number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip())
    values: list[JSON] = []
    for number, line in at_most_rows(filled, loader.settings):
        try:
            values.append(_value(line))
        except json.JSONDecodeError as error:
            raise SourceError(f"It is not readable JSON (line {number}: {error.msg}).") from error
    return values


def _value(text: str) -> JSON:
    parsed: JSON = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    return parsed


def _check(value: JSON, settings: IngestionSettings) -> None:
    waiting = [(value, 1)]
    while waiting:
        found, depth = waiting.pop()
        if not isinstance(found, dict | list):
            continue
        if depth > settings.max_nesting:
            raise nested_too_deeply(settings)
        if len(found) > settings.max_rows:
            raise over_limit(f"a list of {len(found):,} records", "max_rows", settings.max_rows)
        waiting += [(inner, depth + 1) for inner in (found.values() if isinstance(found, dict) else found)]
