"""What all loaders share: a file's bytes in, its text as Markdown and its title out."""

from __future__ import annotations

import codecs
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document as LangChainDocument

from core.errors import EmptySourceError, SourceError
from core.settings import IngestionSettings
from ingestion.loaders.limits import nested_too_deeply

DEFAULTS = IngestionSettings()
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_CODE_OR_OPEN_HTML = re.compile(
    r"^ *(?P<fence>`{3,}|~{3,}).*?(?:^ *(?P=fence)[`~]*[ \t]*$|\Z)"
    r"|^(?P<before> {0,3}|[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+|>[ \t]?)+)"
    r"<(?=[!?]|(?:script|style|pre|textarea|iframe|svg|video|object)\b)",
    re.DOTALL | re.IGNORECASE | re.MULTILINE,
)
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True, slots=True)
class Converted:
    """A file's text as Markdown; an empty title means that the file does not name one."""

    text: str
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


class FileLoader(BaseLoader):
    """A LangChain loader of one file: one Document with its text as Markdown, metadata `source` and `title`.

    Raises SourceError with the reason where the file cannot be read.
    """

    reads_markdown: ClassVar[bool] = False  # HTML in the text is the author's markup, not words

    def __init__(
        self, path: Path | str, data: bytes | None = None, settings: IngestionSettings = DEFAULTS
    ) -> None:
        self.path = Path(path)
        self.settings = settings
        self._data = data  # the file's bytes where the caller has read them already

    def lazy_load(self) -> Iterator[LangChainDocument]:
        data = self.path.read_bytes() if self._data is None else self._data
        try:
            converted = self.convert(data)
        except SourceError:
            raise
        except RecursionError as error:
            raise nested_too_deeply(self.settings) from error
        except Exception as error:  # a parser may raise anything on a damaged file; the others must go on
            raise SourceError(
                f"It is damaged or not of its format ({type(error).__name__}: {error})."
            ) from error
        text = _storable(converted.text).strip("\n")
        if not self.reads_markdown:
            text = _without_open_html(text)
        if not re.search(r"\w", text):
            raise EmptySourceError("It holds no text.")
        title = _storable(converted.title).strip() or title_from_name(self.path)
        metadata = {**_storable(dict(converted.metadata)), "source": str(self.path), "title": title}
        yield LangChainDocument(page_content=text, metadata=metadata)

    @abstractmethod
    def convert(self, data: bytes) -> Converted: ...


def _storable(value: Any) -> Any:
    """Halves of surrogate pairs, which parsers let through and UTF-8 cannot hold, as U+FFFD in all texts."""
    if isinstance(value, str):
        return re.sub("[\ud800-\udfff]", "\ufffd", value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value


def _without_open_html(text: str) -> str:
    """`&lt;` for the sign that would begin an HTML block of Markdown that hides what follows.

    A script, a style or a comment is no text to Markdown; one that is never closed takes the rest along.
    """
    return _CODE_OR_OPEN_HTML.sub(
        lambda match: match.group() if match["fence"] else f"{match['before']}&lt;", text
    )


def decode(data: bytes) -> str:
    """UTF-8, or UTF-16 with a byte order mark, as text with `\\n` line ends. Raises SourceError."""
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8")
    if encoding != "utf-16" and (b"\0" in data or len(_CONTROLS.findall(data)) > len(data) / 100):
        raise SourceError("It is a binary file, not text.")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise SourceError(f"It is not UTF-8 text (byte {error.start}); save it as UTF-8.") from error
    return re.sub(r"\r\n?|\f", "\n", text)


def title_from_name(path: Path) -> str:
    """`leave-of-absence.md` -> `Leave of absence`; an index page is called like its folder."""
    name = path.parent.name if path.stem.lower() in ("index", "readme") and path.parent.name else path.stem
    words = re.sub(r"[-_\s]+", " ", name).strip() or path.name
    return words[0].upper() + words[1:]
