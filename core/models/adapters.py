"""LoRA adapters over one base model in memory, exchanged between requests.

The layers are shared, so that an adapter may change only while nobody generates. Requests of one adapter run
together; one that wants another waits until they are done, and those that come later wait behind it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ModelError

_LOOK_S = 0.1  # between two looks at whether the one who waits is still wanted


@dataclass(frozen=True, slots=True)
class Adapter:
    """One adapter folder; `id` is that of the registry."""

    id: str
    path: Path


class Adapters:
    """`kept` adapters stay in memory beside the one in use; the one not used for longest goes first."""

    def __init__(self, base: Any, kept: int) -> None:
        self._base = base
        self._kept = kept
        self._tuned: Any = None  # a PeftModel around the base, once an adapter was loaded
        self._loaded: OrderedDict[str, Adapter] = OrderedDict()  # by name in PEFT, the last used one last
        self._current = ""
        self._running = 0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def using(self, adapter: Adapter | None, waits: Callable[[], None] = lambda: None) -> Iterator[None]:
        """The base answers with this adapter, or None, inside the block. `waits` is called now and then while
        others are in the way, and may raise to give up.

        Raises ModelError where the adapter cannot be loaded.
        """
        name = _name(adapter)
        self._enter(name, adapter, waits)
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def load(self, adapter: Adapter) -> None:
        """Takes the adapter into memory. Raises ModelError."""
        with self.using(adapter):
            pass

    @property
    def loaded(self) -> list[str]:
        """Ids of the adapters in memory."""
        with self._changed:
            return [adapter.id for adapter in self._loaded.values()]

    def _enter(self, name: str, adapter: Adapter | None, waits: Callable[[], None]) -> None:
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while self._waiting[0] is not ticket or (self._running and self._current != name):
                    self._changed.wait(_LOOK_S)
                    waits()
                if self._current != name:
                    self._switch(name, adapter)
                self._running += 1
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def _switch(self, name: str, adapter: Adapter | None) -> None:
        """Called while nobody generates."""
        if adapter is not None and name not in self._loaded:
            self._load(name, adapter)
        if adapter is None:
            if self._tuned is not None:
                self._tuned.base_model.disable_adapter_layers()
        else:
            self._tuned.base_model.enable_adapter_layers()
            self._tuned.set_adapter(name)
            self._loaded.move_to_end(name)
        self._current = name
        while len(self._loaded) > self._kept + 1:
            oldest = next(iter(self._loaded))
            self._tuned.delete_adapter(oldest)
            del self._loaded[oldest]

    def _load(self, name: str, adapter: Adapter) -> None:
        from peft import PeftModel
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            load_file(adapter.path / "adapter_model.safetensors")  # damaged weights show before any change
            if self._tuned is None:
                self._tuned = PeftModel.from_pretrained(self._base, str(adapter.path), adapter_name=name)
            else:
                self._tuned.load_adapter(str(adapter.path), adapter_name=name)
        except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
            if self._tuned is not None and name in self._tuned.peft_config:
                self._tuned.delete_adapter(name)
            raise ModelError(
                f"The adapter {adapter.id} cannot be loaded ({str(error).splitlines()[0]}). Activate another "
                "one with `inhouse models activate ID`."
            ) from error
        self._tuned.train(False)
        self._loaded[name] = adapter


def _name(adapter: Adapter | None) -> str:
    """PEFT makes a module name of it, which holds no dot, and trips over parts of `lora_`."""
    return "" if adapter is None else f"inhouse-{adapter.id.replace('.', '_')}"
