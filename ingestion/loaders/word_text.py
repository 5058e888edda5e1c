"""The text of a Word document's elements: what is shown now, inside content controls too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement

_SKIPPED = {
    qn("w:del"),
    qn("w:moveFrom"),
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
}
_WRAPPERS = {qn(f"w:{name}") for name in ("sdt", "sdtContent", "customXml", "ins", "moveTo")}
_GALLERY = f"{qn('w:docPartObj')}/{qn('w:docPartGallery')}"
_BREAKS = {qn("w:tab"): " ", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}


def content(element: BaseOxmlElement, *tags: str) -> Iterator[Any]:
    """The children of these tags, those inside content controls included.

    Word's own table of contents and its prompts for what is not filled in yet are controls without content.
    """
    for child in element:
        if child.tag in tags:
            yield child
        elif child.tag in _WRAPPERS and not _is_generated(child):
            yield from content(child, *tags)


def _is_generated(control: BaseOxmlElement) -> bool:
    properties = control.find(qn("w:sdtPr"))
    if properties is None:
        return False
    gallery = properties.find(_GALLERY)
    contents = gallery is not None and gallery.get(qn("w:val")) == "Table of Contents"
    return contents or properties.find(qn("w:showingPlcHdr")) is not None


def text_of(element: BaseOxmlElement) -> str:
    """The text below an element with inserted revisions and links, without deleted ones."""
    text = ""
    for piece, raised in _pieces(element):
        power = raised and text[-1:].isdigit() and re.match(r"[-+−]?\d", piece)
        text += f"^{piece}" if power else piece  # 10 with a raised 6 is not 106
    lines = text.split("\n")
    return "\n".join(line for line in (re.sub(r"[ \t]+", " ", line).strip() for line in lines) if line)


def _pieces(element: BaseOxmlElement, *, raised: bool = False) -> Iterator[tuple[str, bool]]:
    """Each piece of text, and whether it is superscript."""
    for child in element:
        if child.tag in _SKIPPED:
            continue
        if child.tag == qn("w:t"):
            yield child.text or "", raised
        elif child.tag in _BREAKS:
            yield _BREAKS[child.tag], raised
        elif child.tag == qn("w:r"):
            yield from _pieces(child, raised=bool(child.xpath("w:rPr/w:vertAlign[@w:val='superscript']")))
        elif child.tag not in (qn("w:pPr"), qn("w:rPr"), qn("w:sdtPr")):
            yield from _pieces(child, raised=raised)
