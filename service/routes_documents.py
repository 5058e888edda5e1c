"""GET /v1/documents/text: a document as it is indexed, to show a quote where it stands."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from core.types import Filters
from service.auth import ChatCaller, require_chat
from service.deps import LiveDep
from service.document_text import sections
from service.errors import NotFoundError

router = APIRouter(prefix="/v1", dependencies=[Depends(require_chat)])


@router.get("/documents/text")
def document_text(
    live: LiveDep, caller: ChatCaller, source: Annotated[str, Query(min_length=1, max_length=4096)]
) -> dict[str, Any]:
    """All documents of that path that the caller may see: two indexed folders can hold one each.

    Raises NotFoundError alike for a document that is not there and for one that is not for the caller.
    """
    seen = Filters(groups=caller.groups)
    index = live.index
    rows = []
    for document in index.documents():
        if document.source != source:
            continue
        chunks = index.document_chunks(document.id)  # their labels are of the state that their text is of
        if chunks and all(seen.allow(chunk.labels) for chunk in chunks):
            parts = [asdict(section) for section in sections(chunks)]
            rows.append({"id": document.id, "source": source, "title": chunks[0].title, "sections": parts})
    if not rows:
        raise NotFoundError(f"No document {source!r} is indexed: it may have been removed or renamed.")
    return {"documents": rows}
