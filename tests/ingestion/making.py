"""Makes the files that the loaders are tested on: real PDF and Word files, of the test's own content."""

from __future__ import annotations

import io
from collections.abc import Sequence

from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

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
