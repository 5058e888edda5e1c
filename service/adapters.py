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


class ActiveAdapters:
    """Calling it gives the ids of the active adapters, empty while the shipped one answers.

    The registry is read only when its file is another one, so a call costs microseconds.
    """

    def __init__(self, settings: Settings) -> None:
        self._registry = registry_of(settings)
        self._known: tuple[tuple[int, int, int] | None, str] = (None, "")

    def __call__(self) -> str:
        try:
            status = self._registry.file.stat()
        except FileNotFoundError:
            return ""
        signature = status.st_ino, status.st_mtime_ns, status.st_size
        if self._known[0] != signature:
            active = ",".join(entry.id for entry in self._registry.list() if entry.active)
            self._known = signature, active
        return self._known[1]


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
