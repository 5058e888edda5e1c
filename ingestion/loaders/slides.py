"""PowerPoint presentations by python-pptx: a section for each visible slide, with its speaker notes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any
from zipfile import BadZipFile

from pptx import Presentation
from pptx.exc import PackageNotFoundError

from core.errors import SourceError
from core.settings import IngestionSettings
from ingestion.loaders.archives import check_unpacked
from ingestion.loaders.files import Converted, FileLoader
from ingestion.loaders.limits import over_limit
from ingestion.loaders.records import one_line
from ingestion.loaders.slide_shapes import frame_blocks, shape_blocks


class SlidesLoader(FileLoader):
    """Metadata: `pages` (slides), and `page_starts`, the line (from 0) where each slide begins."""

    def convert(self, data: bytes) -> Converted:
        check_unpacked(data, self.settings)
        try:
            slides = list(Presentation(io.BytesIO(data)).slides)
        except (PackageNotFoundError, BadZipFile, KeyError, ValueError, SyntaxError) as error:
            raise SourceError(f"It is not a readable PowerPoint file ({error}).") from error
        if len(slides) > self.settings.max_pages:
            raise over_limit(f"{len(slides):,} slides", "max_pages", self.settings.max_pages)
        text, starts, above = "", list[int](), ""
        for number, slide in enumerate(slides, start=1):
            starts.append(text.count("\n") + 2 if text else 0)
            blocks = list(_blocks(slide, self.settings)) if _is_visible(slide) else []
            title = _title(slide)
            if not _is_visible(slide) or not (blocks or title):
                continue
            if not title or title != above:  # a slide of the same title goes on with the one before it
                blocks.insert(0, f"{'##' if text or not title else '#'} {title or f'Slide {number}'}")
            text += ("\n\n" if text else "") + "\n\n".join(blocks)
            above = title
        name = _title(slides[0]) if slides and _is_visible(slides[0]) else ""
        return Converted(text, name, {"pages": len(slides), "page_starts": starts})


def _is_visible(slide: Any) -> bool:
    return slide._element.get("show") not in ("0", "false")


def _title(slide: Any) -> str:
    shape = slide.shapes.title
    return one_line(shape.text_frame.text) if shape is not None and shape.has_text_frame else ""


def _blocks(slide: Any, settings: IngestionSettings) -> Iterator[str]:
    title = slide.shapes.title
    for shape in slide.shapes:
        if title is None or shape._element is not title._element:
            yield from shape_blocks(shape, settings)
    frame = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    notes = "\n\n".join(frame_blocks(frame, listed=False)) if frame is not None else ""
    if notes:
        yield f"Speaker notes:\n\n{notes}"
