"""A row of a database table as a Document: its title, its values as Markdown, its place."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from core.types import Document
from ingestion.loaders.records import one_line, readable_name, record_section

Row = Mapping[str, Any]
_TITLES = ("title", "name", "question", "subject")
_LONGEST_TITLE = 150  # characters
_LONGEST_KEY = 100  # characters


@dataclass(frozen=True, slots=True)
class TableName:
    place: str  # of the database, without who opens it
    database: str
    table: str  # with its schema where it has one


def row_documents(rows: Iterable[Row], name: TableName, keys: Sequence[str]) -> Iterator[Document]:
    """A Document for each row that holds text; `keys` are the columns of the primary key."""
    seen: set[str] = set()
    for row in rows:
        content = hashlib.sha256(json.dumps(list(row.items()), default=repr).encode()).hexdigest()
        key = [str(row[column]) for column in keys] or [content[:12]]
        if not keys:
            if content in seen:
                continue
            seen.add(content)
        values = {column: _shown(value) for column, value in row.items()}
        if not any(re.search(r"\w", value) for value in values.values()):
            continue
        title, text = _markdown(values, f"{name.table} {', '.join(key)}")
        identity = json.dumps([name.place, name.table, *key])
        yield Document(
            id=hashlib.sha1(identity.encode()).hexdigest()[:12],
            source="/".join(_safe(part) for part in (name.database, name.table, ",".join(key))),
            title=title,
            text=text,
            content_hash=content,
            metadata={"table": name.table, "key": key},
        )


def _markdown(values: Mapping[str, str], otherwise: str) -> tuple[str, str]:
    columns = list(values)
    naming = next((column for column in _title_columns(values)), None)
    title = one_line(values[naming]) if naming else otherwise
    heading = columns.index(naming) if naming else None
    section = record_section([readable_name(column) for column in columns], list(values.values()), heading, 1)
    return title, section if naming else f"# {title}\n\n{section}"


def _title_columns(values: Mapping[str, str]) -> Iterator[str]:
    """Those that may name a row, the best one first."""
    short = [
        column for column, value in values.items() if 0 < len(value) <= _LONGEST_TITLE and "\n" not in value
    ]
    for wanted in _TITLES:
        yield from (column for column in short if column.casefold() == wanted)
    yield from (column for column in short if re.search(r"[^\W\d]{2}", values[column]))


def _shown(value: object) -> str:
    if value is None or isinstance(value, bytes | memoryview):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", re.sub(r"\r\n?", "\n", str(value))).strip()


def _safe(part: str) -> str:
    """A part of a POSIX path that cannot leave its folder; different parts stay different."""
    escaped = re.sub(r"[%/\\\x00-\x1f]", lambda sign: f"%{ord(sign.group()):02X}", part)
    if len(escaped) > _LONGEST_KEY:
        escaped = f"{escaped[:_LONGEST_KEY]}~{hashlib.sha1(part.encode()).hexdigest()[:8]}"
    return re.sub(r"^\.$|\.{2,}", lambda dots: "%2E" * len(dots.group()), escaped) or "%"
