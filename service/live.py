"""The wired parts that requests share, with the reader exchanged when another adapter becomes active.

All parts share one embedder, index and guards; a running request keeps the parts that it began with.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from core.errors import IndexEmptyError, InhouseError, ModelError

if TYPE_CHECKING:
    from core.bootstrap import Inhouse
    from core.index.index import Index

log = logging.getLogger("inhouse.live")

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
        self._warming: threading.Thread | None = None

    @property
    def loading(self) -> bool:
        """True while the warm-up runs."""
        return self._warming is not None and self._warming.is_alive()

    @property
    def index(self) -> Index:
        """The index, without waiting for the models that answer."""
        return self._lend().index

    def check_index(self) -> None:
        """Raises IndexEmptyError before anything is indexed, at once and not after models were loaded."""
        if self.index.is_empty:
            raise IndexEmptyError("Nothing is indexed yet: run `inhouse reindex FOLDER`.")

    def current(self) -> Inhouse:
        """The parts for one request, loaded on first use.

        Raises ModelError where no model can be loaded. An adapter that became active and cannot be loaded is
        logged, and the one before it goes on answering.
        """
        if not self._building.acquire(blocking=self._current is None):
            assert self._current is not None
            return self._current[1]  # another request looks, or loads the next one, right now
        try:
            active = self._read_active()
            if self._current is not None and active in (self._current[0], self._refused):
                return self._current[1]
            return self._renew(active)
        except InhouseError as error:
            if self._current is None:
                raise
            log.error("the active adapter cannot be loaded, the one before it goes on: %s", error)
            self._refused = active
            return self._current[1]
        finally:
            self._building.release()

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

    def close(self) -> None:
        if self._warming is not None:
            self._warming.join(timeout=30)
        if self._lender is not None:
            self._lender.close()

    def _answer_once(self) -> None:
        try:
            self.check_index()
            self.current().answerer.answer(WARM_UP_QUESTION)
        except InhouseError as error:
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
