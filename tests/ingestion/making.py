"""Makes the files that the loaders are tested on: real PDF and Office files, of the test's own content."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from core.errors import SourceError
from core.settings import IngestionSettings
from core.types import Chunk, Document
from ingestion.loaders.loading import load

BODY = 11.0


def pdf(*pages: Sequence[str], password: str = "", title: str = "") -> bytes:
    """A PDF whose pages are lists of content stream operators, such as those of `line` and `box`."""
    writer = PdfWriter()
    for operators in pages:
        page = writer.add_blank_page(595, 842)
        fonts = DictionaryObject()
        for name, base in (("/F1", "/Helvetica"), ("/F2", "/Helvetica-Bold")):
            font = {
                "/Type": "/Font",
                "/Subtype": "/Type1",
                "/BaseFont": base,
                "/Encoding": "/WinAnsiEncoding",
            }
            fonts[NameObject(name)] = DictionaryObject(
                {NameObject(k): NameObject(v) for k, v in font.items()}
            )
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        stream.set_data("\n".join(operators).encode("cp1252"))
        page[NameObject("/Contents")] = writer._add_object(stream)
    if title:
        writer.add_metadata({"/Title": title})
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def line(text: str, y: float, x: float = 70, size: float = BODY, bold: bool = False) -> str:
    """A line of text; `y` counts from the bottom of the page (842 points high)."""
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /{'F2' if bold else 'F1'} {size} Tf {x} {y} Td ({escaped}) Tj ET"


def lines(texts: Sequence[str], top: float, pitch: float = 14) -> list[str]:
    return [line(text, top - number * pitch) for number, text in enumerate(texts)]


def box(x: float, y: float, width: float, height: float) -> str:
    return f"{x} {y} {width} {height} re S"


def saved(document: Any) -> bytes:
    """The bytes of a Word document, a workbook or a presentation."""
    output = io.BytesIO()
    document.save(output)
    return output.getvalue()


def with_parts(data: bytes, parts: Mapping[str, bytes]) -> bytes:
    """The archive with some of its parts replaced or added."""
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, content in parts.items():
            new.writestr(name, content)
    return output.getvalue()


def part(data: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name)


def loaded(folder: Path, name: str, content: bytes | str, **limits: float) -> Document:
    """The document in a file of that name, made in the folder; `limits` are ingestion settings."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load(path, folder, IngestionSettings(**limits))  # type: ignore[arg-type]


def refusal(folder: Path, name: str, content: bytes | str, **limits: float) -> str:
    """The one sentence that says why the file is not read."""
    with pytest.raises(SourceError) as refused:
        loaded(folder, name, content, **limits)
    return refused.value.message


def lines_stand_in(chunks: Sequence[Chunk], text: str) -> bool:
    return all(line.strip() in text for chunk in chunks for line in chunk.text.split("\n"))
