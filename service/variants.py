"""Assistants that answer with another adapter than the active one, kept while they are asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.bootstrap import Inhouse

KEPT = 2  # a reader of its own takes about 100 MB
Key = tuple[str, str]  # active adapters, and the adapter that is asked for


class Variants:
    """Thread-safe. One is loaded at a time; a running request keeps the one that it began with."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._loaded: OrderedDict[Key, Inhouse] = OrderedDict()
        self._loading = threading.Lock()

    def get(self, key: Key, load: Callable[[], Inhouse]) -> Inhouse:
        """Raises what `load` raises; nothing is kept then."""
        with self._loading:
            if key not in self._loaded:
                self._loaded[key] = load()
            self._loaded.move_to_end(key)
            while len(self._loaded) > self._kept:
                self._loaded.popitem(last=False)
            return self._loaded[key]
