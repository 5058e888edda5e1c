"""Settings -> the wired parts, each made when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from core.settings import Settings

if TYPE_CHECKING:
    from core.answering import Answerer
    from core.decision import Decision
    from core.guards import Guards
    from core.index.index import Index
    from core.interfaces import Embedder, FloatMatrix, Generator
    from core.models.reader import Reader
    from core.retrieval import Retriever


class Inhouse:
    """One wired assistant. Parts may be handed in, as tests and the evaluation's arms do, instead of being
    made.

    `reader_adapter` overrides the active adapter; `shared` lends its embedder, index and guards to this one.
    """

    def __init__(
        self, settings: Settings, *, reader_adapter: Path | None = None, shared: Inhouse | None = None
    ) -> None:
        self.settings = settings
        self._reader_adapter = reader_adapter
        self._shared = shared

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
        if self.settings.models.reader_adapter:
            return Path(self.settings.models.reader_adapter)
        from finetune.registry import Registry

        active = Registry(self.settings.adapters_dir).active("reader")
        return active.path if active else SHIPPED_ADAPTER

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
        from core.models.generators import chat_generator

        return chat_generator(self.settings)

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
