"""/v1/conversations: those that the caller began, to list, read, rename and delete."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends

from service.auth import ChatCaller, require_chat
from service.deps import ConversationsDep, VisibilityDep
from service.remembering import as_shown
from service.schemas import ConversationChange

router = APIRouter(prefix="/v1/conversations", dependencies=[Depends(require_chat)])


@router.get("")
def conversations(store: ConversationsDep, caller: ChatCaller) -> dict[str, Any]:
    return {"conversations": store.list(caller.key_id)}


@router.delete("")
def delete_conversations(store: ConversationsDep, caller: ChatCaller) -> dict[str, Any]:
    return {"deleted": store.delete_all(caller.key_id)}


@router.get("/{conversation_id}")
def conversation(
    conversation_id: str, store: ConversationsDep, visibility: VisibilityDep, caller: ChatCaller
) -> dict[str, Any]:
    head, turns = store.read(conversation_id, caller.key_id)
    return {**head, "turns": [asdict(turn) for turn in as_shown(turns, visibility, caller.groups)]}


@router.patch("/{conversation_id}")
def rename(
    conversation_id: str, change: ConversationChange, store: ConversationsDep, caller: ChatCaller
) -> dict[str, Any]:
    return store.rename(conversation_id, caller.key_id, change.title)


@router.delete("/{conversation_id}")
def delete_conversation(conversation_id: str, store: ConversationsDep, caller: ChatCaller) -> dict[str, Any]:
    store.delete(conversation_id, caller.key_id)
    return {"id": conversation_id, "deleted": True}
