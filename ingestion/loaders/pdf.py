"""PDF by pypdf. Figures, and the text in them, are left out."""

from __future__ import annotations

import io
import logging
import re

from pypdf import PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError

from core.errors import SourceError
from ingestion.loaders.files import Converted, FileLoader
from ingestion.loaders.limits import over_limit
from ingestion.loaders.pdf_furniture import without_furniture
from ingestion.loaders.pdf_layout import blocks
from ingestion.loaders.pdf_lines import page_lines

_MEANINGLESS_TITLE = re.compile(
    r"untitled|microsoft word|document\d*$|.*\.(docx?|pdf|odt|indd|tex)$", re.IGNORECASE
)

logging.getLogger("pypdf").setLevel(logging.ERROR)  # it warns of every oddity that it can read nevertheless


class PDFLoader(FileLoader):
    """Metadata: `pages`, and `page_starts`, the line of the text (from 0) on which each page begins."""

    def convert(self, data: bytes) -> Converted:
        reader = _opened(data)
        try:
            count, limit = len(reader.pages), self.settings.max_pages
            if count > limit:
                raise over_limit(f"{count:,} pages", "max_pages", limit)
            pages = [page_lines(page, number) for number, page in enumerate(reader.pages)]
            info = (reader.metadata.title or "").strip() if reader.metadata else ""
        except (FileNotDecryptedError, DependencyError) as error:
            raise SourceError("It is encrypted; save it without a password.") from error
        if not any(pages):
            raise SourceError("It has no text layer (scanned pages?); run it through text recognition first.")
        kept = without_furniture(pages)
        found = blocks(kept if any(kept) else pages)  # pages of one line each, alike but for their numbers
        text, starts = "", list[int]()
        for number, block in enumerate(found):
            tight = number and block.kind == "item" == found[number - 1].kind
            text += ("\n" if tight else "\n\n") if text else ""
            starts += [text.count("\n")] * (block.page + 1 - len(starts))
            text += block.markdown()
        starts += [text.count("\n") + 1] * (len(pages) - len(starts))
        heading = found[0].text if found and found[0].kind == "heading" else ""
        if not heading and not _MEANINGLESS_TITLE.match(info):
            heading = info
        return Converted(text, heading, {"pages": len(pages), "page_starts": starts})


def _opened(data: bytes) -> PdfReader:
    try:
        reader = PdfReader(io.BytesIO(data))
        locked = reader.is_encrypted and not reader.decrypt("")
    except DependencyError:  # AES without the package that reads it
        locked = True
    except PyPdfError as error:
        raise SourceError(f"It is not a readable PDF ({error}).") from error
    if locked:
        raise SourceError("It is encrypted; save it without a password.")
    return reader
