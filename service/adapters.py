"""The adapter registry as the command line and the admin routes show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from core.errors import InhouseError
from finetune.registry import Registry

if TYPE_CHECKING:
    from core.settings import Settings


def registry_of(settings: Settings) -> Registry:
    return Registry(settings.adapters_dir)


def models_json(registry: Registry) -> list[dict[str, Any]]:
    return [entry.to_json() for entry in registry.list()]


def active_adapters(settings: Settings) -> str:
    """Ids of the active adapters, empty while the shipped one answers. Reads one small file."""
    return ",".join(entry.id for entry in registry_of(settings).list() if entry.active)


def activate(registry: Registry, adapter_id: str, take_up: Callable[[], None]) -> None:
    """Activates the adapter and calls `take_up` to load it. Where that fails the registry is as before."""
    was_active = registry.get(adapter_id).active
    entry = registry.activate(adapter_id)
    try:
        take_up()
    except InhouseError:
        if not was_active:
            registry.rollback(entry.kind)
        raise


def rollback(registry: Registry, kind: str, take_up: Callable[[], None]) -> None:
    """Goes back to the adapter before, and calls `take_up` to load it. Where that fails the registry is as
    before.
    """
    was_active = registry.active(kind)
    registry.rollback(kind)
    try:
        take_up()
    except InhouseError:
        if was_active is not None:
            registry.activate(was_active.id)
        raise
