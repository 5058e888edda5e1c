"""The wired parts that requests share, with the reader exchanged when another adapter becomes active.

All parts share one embedder, index and guards; a running request keeps the parts that it began with.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from core.errors import IndexEmptyError, InhouseError, ModelError, UnknownModelError
from service.variants import Variants

if TYPE_CHECKING:
    from core.bootstrap import Inhouse
    from core.index.index import Index

log = logging.getLogger("inhouse.live")

WATCH_S = 0.25  # between two looks at the registry, a small file
ALIAS = "inhouse"  # a model name that always means the adapter in use
WARM_UP_QUESTION = "What can you help me with?"


class LiveInhouse:
    """`wire(None)` makes parts that only lend, `wire(lender)` the parts that answer.

    `active_adapter` names the adapter that should answer. It is asked on every request, so it must be cheap.
    """

    def __init__(self, wire: Callable[[Inhouse | None], Inhouse], active_adapter: Callable[[], str]) -> None:
        self._wire = wire
        self._active_adapter = active_adapter
        self._lending = threading.Lock()
        self._building = threading.Lock()
        self._lender: Inhouse | None = None
        self._current: tuple[str, Inhouse] | None = None  # adapter id and parts
        self._refused: str | None = None  # an adapter that could not be loaded, not tried on each request
        self._variants = Variants()
        self._warming: threading.Thread | None = None
        self._closed = threading.Event()
        self._wait_for_index = False  # to warm up

    @property
    def loading(self) -> bool:
        """True while the warm-up runs."""
        return self._warming is not None and self._warming.is_alive()

    @property
    def warmed_up(self) -> bool:
        """True once the first warm-up has ended, well or not."""
        return self._warming is not None and not self._warming.is_alive()

    @property
    def index(self) -> Index:
        """The index, without waiting for the models that answer."""
        return self._lend().index

    def check_index(self) -> None:
        """Raises IndexEmptyError before anything is indexed, at once and not after models were loaded."""
        if self.index.is_empty:
            raise IndexEmptyError("Nothing is indexed yet: run `inhouse reindex FOLDER`.")

    def named(self, model: str) -> Inhouse:
        """The parts that a request names: `inhouse` or nothing for the adapter in use, `inhouse:base`,
        `inhouse:<adapter id>`, or the id of the model in use.

        Raises UnknownModelError, AdapterMismatchError for an adapter that does not fit, and ModelError.
        """
        current = self.current()
        alias, _, variant = model.partition(":")
        if model in ("", ALIAS, current.generator.id):
            return current
        if alias != ALIAS or not variant:
            raise UnknownModelError(
                f"There is no model {model!r} here: use {ALIAS!r}, or see GET /v1/models."
            )

        def load() -> Inhouse:
            fresh = current.variant(variant)
            _load(fresh)
            return fresh

        return self._variants.get((self._current[0] if self._current else "", variant), load)

    def names(self) -> list[str]:
        """What `named` takes, the adapter in use first."""
        current = self.current()
        named = [f"{ALIAS}:{variant}" for variant in current.variants]
        return list(dict.fromkeys((ALIAS, current.generator.id, *named)))

    def current(self) -> Inhouse:
        """The parts for one request, loaded on first use. While another adapter loads, the one before it
        answers.

        Raises ModelError where no model can be loaded.
        """
        if self._current is None:
            with self._building:
                return self._current[1] if self._current else self._renew(self._active_adapter())
        self.look()
        return self._current[1]

    def look(self) -> None:
        """Loads another adapter beside the one in use where another is active; nobody waits for it."""
        if self._current is None or self._building.locked():
            return
        active = self._read_active()
        if active not in (self._current[0], self._refused):
            threading.Thread(target=self._exchange, name="adapter", daemon=True).start()

    def settled(self) -> Inhouse | None:
        """The parts for one request where they are loaded and up to date, else None. Never blocks."""
        current = self._current
        if current is None:
            return None
        try:
            return current[1] if self._active_adapter() in (current[0], self._refused) else None
        except InhouseError:
            return None

    def refresh(self) -> None:
        """Loads the active adapter now. Raises ModelError, with nothing changed, where that fails."""
        with self._building:
            self._renew(self._active_adapter())

    def warm_up(self) -> None:
        """Starts a thread that loads all models by answering once, where something is indexed."""
        self._warming = threading.Thread(target=self._answer_once, name="warm-up", daemon=True)
        self._warming.start()

    def watch(self) -> None:
        """Looks for another adapter all the time, so that it is loaded before it is asked; and warms up again
        as soon as the first documents are indexed, where there were none before.
        """

        def look() -> None:
            while not self._closed.wait(WATCH_S):
                try:
                    if self._wait_for_index and not self.loading and not self.index.is_empty:
                        self._wait_for_index = False
                        self.warm_up()
                    self.look()
                except Exception:  # the thread has no caller to tell, and must go on
                    log.exception("the active adapter cannot be read")

        threading.Thread(target=look, name="adapters", daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        if self._warming is not None:
            self._warming.join(timeout=30)
        if self._lender is not None:
            self._lender.close()

    def _exchange(self) -> None:
        """An adapter that cannot be loaded is logged, and the one before it goes on answering."""
        if not self._building.acquire(blocking=False):
            return  # it is being loaded
        active = ""
        try:
            assert self._current is not None
            active = self._read_active()
            if active not in (self._current[0], self._refused):
                self._renew(active)
        except InhouseError as error:
            log.error("the active adapter cannot be loaded, the one before it goes on: %s", error)
            self._refused = active
        except Exception:
            log.exception("the active adapter cannot be loaded, the one before it goes on")
            self._refused = active
        finally:
            self._building.release()

    def _answer_once(self) -> None:
        try:
            self.check_index()
            self.current().answerer.answer(WARM_UP_QUESTION)
        except InhouseError as error:
            self._wait_for_index = isinstance(error, IndexEmptyError)
            log.warning("not ready: %s", error)
        except Exception:  # the thread has no caller to tell
            log.exception("the models could not be warmed up")

    def _read_active(self) -> str:
        """The active adapter; the one in use where the registry cannot be read."""
        try:
            return self._active_adapter()
        except InhouseError as error:
            if self._current is None:
                raise
            log.error("the adapter in use goes on: %s", error)
            return self._current[0]

    def _lend(self) -> Inhouse:
        with self._lending:
            if self._lender is None:
                self._lender = self._wire(None)
            return self._lender

    def _renew(self, active: str) -> Inhouse:
        fresh = self._wire(self._lend())
        _load(fresh)
        self._current = (active, fresh)
        self._refused = None
        return fresh


def _load(parts: Inhouse) -> None:
    """Loads the models now, so that a broken adapter shows before it replaces a sound one."""
    try:
        _ = parts.answerer
        parts.reranker.score(WARM_UP_QUESTION, [WARM_UP_QUESTION])
    except InhouseError:
        raise
    except Exception as error:  # damaged weights make the libraries raise whatever they like
        raise ModelError(f"The active adapter cannot be loaded ({type(error).__name__}: {error}).") from error
