"""GET and DELETE /admin/documents; GET /admin/models, with activate and rollback."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from core.errors import InvalidInputError
from service import adapters
from service.auth import require_admin
from service.deps import LiveDep, SettingsDep
from service.errors import NotFoundError
from service.schemas import RollbackRequest

router = APIRouter(prefix="/admin", dependencies=[Depends(require_admin)])


@router.get("/documents")
def documents(live: LiveDep) -> dict[str, Any]:
    index = live.index
    rows = [
        {
            "id": document.id,
            "root": document.root,
            "source": document.source,
            "title": document.title,
            "content_hash": document.content_hash,
            "chunks": document.chunks,
            "size": document.size,
            "labels": document.labels.to_json(),
            "indexed_at": datetime.fromtimestamp(document.indexed_at, UTC).isoformat(timespec="seconds"),
        }
        for document in index.documents()
    ]
    return {"documents": rows, "index_version": index.version}


@router.delete("/documents")
def remove_documents(
    live: LiveDep,
    id: Annotated[list[str] | None, Query()] = None,
    source: Annotated[list[str] | None, Query()] = None,
) -> dict[str, Any]:
    """Deletes documents by id or by their path, as `GET` shows them. A file that stays in its folder comes
    back with the next reindex of that folder.
    """
    ids, sources = id or [], source or []
    if not ids and not sources:
        raise InvalidInputError("Name the documents to delete: ?id=… or ?source=…, as often as needed.")
    index = live.index
    known = index.documents()
    missing = sorted(set(ids) - {document.id for document in known})
    missing += sorted(set(sources) - {document.source for document in known})
    if missing:
        raise NotFoundError(f"No document {missing[0]!r} is indexed: see GET /admin/documents.")
    chosen = [document for document in known if document.id in ids or document.source in sources]
    version = index.remove([document.id for document in chosen])
    return {"deleted": [document.source for document in chosen], "index_version": version}


@router.get("/models")
def models(settings: SettingsDep) -> dict[str, Any]:
    return {"models": adapters.models_json(adapters.registry_of(settings))}


@router.post("/models/{adapter_id}/activate")
def activate(adapter_id: str, settings: SettingsDep, live: LiveDep) -> dict[str, Any]:
    """The adapter answers from the next question on. One that cannot be loaded leaves all as it was."""
    registry = adapters.registry_of(settings)
    adapters.activate(registry, adapter_id, live.refresh)
    return {"models": adapters.models_json(registry)}


@router.post("/models/rollback")
def rollback(request: RollbackRequest, settings: SettingsDep, live: LiveDep) -> dict[str, Any]:
    """What was active before answers from the next question on; at the beginning that is the shipped one."""
    registry = adapters.registry_of(settings)
    adapters.rollback(registry, request.kind, live.refresh)
    return {"models": adapters.models_json(registry)}
