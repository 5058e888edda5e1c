"""GET /admin/documents, GET /admin/models, POST /admin/models/{id}/activate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Depends

from service import adapters
from service.auth import require_admin
from service.deps import LiveDep, SettingsDep

router = APIRouter(prefix="/admin", dependencies=[Depends(require_admin)])


@router.get("/documents")
def documents(live: LiveDep) -> dict[str, Any]:
    index = live.index
    rows = [
        {
            "id": document.id,
            "source": document.source,
            "title": document.title,
            "chunks": document.chunks,
            "size": document.size,
            "indexed_at": datetime.fromtimestamp(document.indexed_at, UTC).isoformat(timespec="seconds"),
        }
        for document in index.documents()
    ]
    return {"documents": rows, "index_version": index.version}


@router.get("/models")
def models(settings: SettingsDep) -> dict[str, Any]:
    return {"models": adapters.models_json(adapters.registry_of(settings))}


@router.post("/models/{adapter_id}/activate")
def activate(adapter_id: str, settings: SettingsDep, live: LiveDep) -> dict[str, Any]:
    """The adapter answers from the next question on. One that cannot be loaded leaves all as it was."""
    registry = adapters.registry_of(settings)
    adapters.activate(registry, adapter_id, live.refresh)
    return {"models": adapters.models_json(registry)}
