"""Settings -> the wired parts, each made when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UnknownModelError
from core.settings import Settings

if TYPE_CHECKING:
    from core.answering import Answerer
    from core.decision import Decision
    from core.guards import Guards
    from core.index.index import Index
    from core.interfaces import Embedder, FloatMatrix, Generator
    from core.models.local import LocalModel
    from core.models.reader import Reader
    from core.retrieval import Retriever
    from finetune.registry import AdapterEntry, Registry

BASE = "base"  # the model as it came, or the shipped reader
_SERIALS = count()


class Inhouse:
    """One wired assistant. Parts may be handed in, as tests and the evaluation's arms do, instead of being
    made.

    `reader_adapter` overrides the active adapter; `shared` lends its embedder, index, guards and generating
    model to this one. `model` chooses which adapter answers: the active one (empty), none of ours (`base`),
    or one of the registry by its id; `reads_like` lends its reader to a model that only writes otherwise.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        reader_adapter: Path | None = None,
        shared: Inhouse | None = None,
        model: str = "",
        reads_like: Inhouse | None = None,
    ) -> None:
        self.settings = settings
        self.serial = next(_SERIALS)  # no other one's in this process, whereas an `id` comes again
        self._reader_adapter = reader_adapter
        self._shared = shared
        self._model = model
        if reads_like is not None:
            self.reranker = reads_like.reranker
            self.decision = reads_like.decision

    def variant(self, model: str) -> Inhouse:
        """The same assistant, answering with another adapter. Raises UnknownModelError, and, when its parts
        are first used, AdapterMismatchError and ModelError.
        """
        if model != BASE and not self.kind:
            raise UnknownModelError("The adapters of an `openai` generator are chosen at its endpoint.")
        if model != BASE:
            self._entry(model)
        return Inhouse(
            self.settings,
            shared=self._shared or self,
            model=model,
            reads_like=None if self.settings.generator == "reader" else self,
        )

    @property
    def kind(self) -> str:
        """Of the adapters that can answer here, as the registry names it; empty where there can be none."""
        if self.settings.generator == "reader":
            return "reader"
        return self.local.kind if self.settings.generator == "transformers" else ""

    @property
    def variants(self) -> list[str]:
        """What `variant` takes."""
        if not self.kind:
            return []
        return [BASE, *(entry.id for entry in self._registry.list() if entry.kind == self.kind)]

    @cached_property
    def embedder(self) -> Embedder:
        if self._shared:
            return self._shared.embedder
        from core.models.embedder import SentenceEmbedder

        return SentenceEmbedder(self.settings.models.embedder, threads=self.settings.models.threads)

    @cached_property
    def index(self) -> Index:
        if self._shared:
            return self._shared.index
        from core.index.index import Index

        return Index.open(self.settings, embedder_name=self.embedder.name, dimension=self.embedder.dimension)

    @cached_property
    def adapter(self) -> Path:
        """The reader adapter in use: handed in, else configured, else active in the registry, else
        shipped.
        """
        from core.models.reader import SHIPPED_ADAPTER

        if self._reader_adapter:
            return self._reader_adapter
        if self._model and self.kind == "reader":
            return SHIPPED_ADAPTER if self._model == BASE else self._entry(self._model).path
        if self.settings.models.reader_adapter:
            return Path(self.settings.models.reader_adapter)
        active = self._registry.active("reader")
        return active.path if active else SHIPPED_ADAPTER

    @property
    def _registry(self) -> Registry:
        from finetune.registry import Registry

        return Registry(self.settings.adapters_dir)

    def _entry(self, adapter_id: str) -> AdapterEntry:
        entry = self._registry.get(adapter_id)
        if entry.kind != self.kind:
            raise UnknownModelError(
                f"The adapter {adapter_id} is of kind {entry.kind}; here {self.kind} adapters answer."
            )
        return entry

    @cached_property
    def reranker(self) -> Reader:
        from core.models.reader import Reader

        return Reader(self.adapter)

    @cached_property
    def retriever(self) -> Retriever:
        from core.retrieval import Retriever

        return Retriever(self.index, self.embedder, self.reranker, self.settings.retrieval)

    @cached_property
    def generator(self) -> Generator:
        if self.settings.generator == "reader":
            from core.reading import ReaderGenerator

            return ReaderGenerator(self.reranker.id, self.settings.answering)
        from core.models import generators

        if self.settings.generator == "openai":
            return generators.endpoint_generator(self.settings)
        base = generators.LocalGenerator(self.settings, self.local)
        entry = self._entry(self._model) if self._model not in ("", BASE) else None
        if not self._model:
            entry = self._registry.active(self.kind)
        return base.tuned(entry.id, entry.path) if entry else base

    @cached_property
    def local(self) -> LocalModel:
        """The model that `transformers` generates with, once a process."""
        if self._shared:
            return self._shared.local
        from core.models.generators import load_local

        return load_local(self.settings)

    @cached_property
    def guards(self) -> Guards:
        if self._shared:
            return self._shared.guards
        from core.guards import Guards

        return Guards(self.settings.guards.max_answer_words)

    @cached_property
    def decision(self) -> Decision:
        from core.decision import Decision
        from core.models.reader import SHIPPED_ADAPTER

        return Decision.load(self.adapter, SHIPPED_ADAPTER)

    @cached_property
    def off_topic_bank(self) -> FloatMatrix:
        """Embedded once a process: a few hundred short questions, under two seconds."""
        if self._shared:
            return self._shared.off_topic_bank
        from core.decision import off_topic_questions

        return self.embedder.embed(off_topic_questions())

    @cached_property
    def answerer(self) -> Answerer:
        from core.answering import Answerer

        return Answerer(
            settings=self.settings,
            retriever=self.retriever,
            generator=self.generator,
            guards=self.guards,
            decision=self.decision,
            embedder=self.embedder,
            off_topic_bank=self.off_topic_bank,
        )

    def close(self) -> None:
        """Lets go of the index. The object is not to be used afterwards."""
        if not self._shared and "index" in self.__dict__:
            self.index.close()
