"""Names to arms. An arm is the answering path that the service uses, with one model and its settings.

base        the shipped reader, or that of `models.reader_adapter`; where a generating model is configured,
            that one without an adapter
tuned       the active adapter of this installation; where none was promoted, the newest
anything else   the id of an adapter of any kind

`eval/arm_names.py` lists what can be added to a model's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.decoding import default_decoding
from core.errors import ConfigurationError, InvalidInputError, ModelError, UnknownModelError
from core.settings import Settings
from core.types import Answer, Message, QAPair
from eval.arm_names import ArmName, changed, parse
from eval.cards import card_of
from finetune.registry import AdapterEntry, Registry

if TYPE_CHECKING:
    from core.answering import Answerer
    from core.bootstrap import Inhouse
    from core.models.generators import LocalGenerator
    from core.models.local import LocalModel
    from eval.sharing import Memory

READER = "reader"
Ask = Callable[[str, Sequence[Message]], Answer]


@dataclass(frozen=True, slots=True)
class Arm:
    """The system under evaluation: a question and the messages before it -> an Answer."""

    name: str
    answer: Ask
    description: str = ""
    identity: Callable[[], str] | None = None  # of all that its answers depend on; None: they are not kept
    generator: Callable[[], LocalGenerator] | None = None  # where a model of this process writes
    card: Mapping[str, Any] = field(default_factory=dict)  # of its adapter; empty without one


@dataclass(frozen=True, slots=True)
class Bench:
    """What is evaluated, and what had to be left out and why."""

    arms: tuple[Arm, ...]
    skipped: dict[str, str]


def open_arms(
    inhouse: Inhouse,
    names: Sequence[str],
    questions: Sequence[QAPair] = (),
    *,
    training: Path | None = None,
    off_topic: Sequence[str] = (),
) -> Bench:
    """An arm for each name; all of them use the index and the embedder of `inhouse`, and search once.

    `questions` are those whose evidence an oracle is given, `training` those whose answers `nearest` copies,
    which decline where they begin as one of `off_topic`.
    Readers load with the first question. Raises InvalidInputError where no name is given or one is none.
    """
    if not names:
        raise InvalidInputError("Name at least one arm: base, tuned, or the id of an adapter.")
    parsed = [parse(name) for name in dict.fromkeys(names)]
    workshop = _Workshop(inhouse, questions, training, off_topic)
    arms = []
    skipped = {}
    for name in parsed:
        try:
            arms.append(workshop.arm(name))
        except (ModelError, ConfigurationError) as error:
            skipped[name.text] = error.message
    return Bench(tuple(arms), skipped)


class _Workshop:
    """What the arms of a bench have in common."""

    def __init__(
        self,
        inhouse: Inhouse,
        questions: Sequence[QAPair],
        training: Path | None,
        off_topic: Sequence[str],
    ) -> None:
        from eval.sharing import Memory

        self._inhouse = inhouse
        self._questions = questions
        self._training = training
        self._off_topic = off_topic
        self._memory: Memory = Memory()
        self._models: dict[str, LocalModel] = {}

    def arm(self, name: ArmName) -> Arm:
        """Raises ModelError and ConfigurationError where the model is not there."""
        from eval.closed_book import NEEDS_PASSAGES, answer_closed
        from eval.oracle import answer_from_gold, gold_passages
        from eval.sharing import SharingEmbedder

        inhouse = self._inhouse
        if name.how == "nearest":
            from eval.nearest import nearest_answers

            embedder = SharingEmbedder(inhouse.embedder, self._memory)
            copy, description, identity = nearest_answers(
                inhouse.settings, self._training, self._off_topic, embedder
            )
            return self._arm(name, copy, description, lambda: identity)
        settings = changed(inhouse.settings, name)
        wired, description, adapter = self._wire(settings, name.model)
        card = card_of(settings, adapter) if adapter else {}
        answerer = cache(lambda: self._answerer(wired))
        decoding = default_decoding(settings.decoding)  # as the service does

        def identity_of() -> str:
            return f"{name.how} {answerer().identity} {decoding}"

        def retrieve_and_answer(question: str, history: Sequence[Message]) -> Answer:
            return answerer().answer(question, history, decoding)

        ask: Ask = retrieve_and_answer
        if name.how == "closed":
            if wired.settings.generator == READER:
                raise ModelError(NEEDS_PASSAGES)
            ask, description = answer_closed(answerer, decoding), f"{description}, without retrieval"
        if name.how == "oracle":
            gold = gold_passages(self._questions, inhouse.index.all_chunks())
            ask = answer_from_gold(answerer, gold, decoding)
            description += f", given the evidence of {len(gold)} questions in place of retrieval"
        writes = wired.settings.generator == "transformers"
        generator = (lambda: _local_of(answerer())) if writes else None
        return replace(self._arm(name, ask, description, identity_of), generator=generator, card=card)

    def _arm(
        self,
        name: ArmName,
        ask: Ask,
        description: str,
        identity: Callable[[], str],
    ) -> Arm:
        from eval.sharing import traced

        changes = "".join(f", {setting} = {value}" for setting, value in name.changes)
        return Arm(
            name.text,
            lambda question, history: traced(self._memory, lambda: ask(question, history)),
            description + changes,
            identity,
        )

    def _wire(self, settings: Settings, model: str) -> tuple[Inhouse, str, Path | None]:
        """(the assistant with that model, what it is, the folder of its adapter)."""
        if model in ("base", "tuned") and settings.generator != READER:
            return self._generating(settings, model)
        if model not in ("base", "tuned"):
            entry = Registry(settings.adapters_dir).get(model)
            if entry.kind != READER:
                _folder(entry)
                named = settings.models.model or entry.base
                models = settings.models.model_copy(update={"model": named})
                writing = settings.model_copy(update={"generator": "transformers", "models": models})
                return self._wired(writing, entry.id), _describe(entry), entry.path
        path, description = adapter_of(settings, model)
        reading = settings.model_copy(update={"generator": READER})
        return type(self._inhouse)(reading, reader_adapter=path, shared=self._inhouse), description, path

    def _generating(self, settings: Settings, model: str) -> tuple[Inhouse, str, Path | None]:
        what = f"the {settings.generator} model {settings.models.model or '(none named)'}"
        if model == "base":
            return self._wired(settings, "base"), f"{what}, without an adapter", None
        if settings.generator == "openai":
            raise UnknownModelError("The adapters of an `openai` generator are chosen at its endpoint.")
        entry, description = tuned_entry(settings, self._local(settings).kind)
        return self._wired(settings, entry.id), description, entry.path

    def _wired(self, settings: Settings, model: str) -> Inhouse:
        wired = type(self._inhouse)(settings, model=model, shared=self._inhouse)
        if settings.generator == "transformers":
            wired.local = self._local(settings)
        return wired

    def _local(self, settings: Settings) -> LocalModel:
        """Loaded once a model, however many arms write with it."""
        from core.models.generators import load_local

        name = settings.models.model
        if name not in self._models:
            self._models[name] = load_local(settings)
        return self._models[name]

    def _answerer(self, wired: Inhouse) -> Answerer:
        """The path that serves, with its searches and readings shared."""
        from eval.sharing import SharingEmbedder, SharingRetriever

        wired.reranker = self._memory.reader(wired.adapter)
        plain = wired.answerer
        embedder = SharingEmbedder(plain.embedder, self._memory)
        retriever = SharingRetriever(
            plain.retriever.index, embedder, plain.retriever.reader, plain.retriever.settings, self._memory
        )
        return replace(plain, retriever=retriever, embedder=embedder)


def _local_of(answerer: Answerer) -> LocalGenerator:
    from core.models.generators import LocalGenerator

    assert isinstance(answerer.generator, LocalGenerator)
    return answerer.generator


def adapter_of(settings: Settings, name: str) -> tuple[Path, str]:
    """The reader adapter folder of an arm, and a phrase that says what it is. ModelError where there is
    none.
    """
    if name == "base" and settings.models.reader_adapter:
        return Path(settings.models.reader_adapter), "the reader that the settings name"
    if name == "base":
        from core.models.reader import SHIPPED_ADAPTER

        return SHIPPED_ADAPTER, "the shipped reader"
    if name != "tuned":
        entry = Registry(settings.adapters_dir).get(name)
        return _folder(entry), _describe(entry)
    entry, description = tuned_entry(settings, READER)
    return _folder(entry), description


def tuned_entry(settings: Settings, kind: str) -> tuple[AdapterEntry, str]:
    """The active adapter of the kind, else the newest. Raises UnknownModelError where there is none."""
    registry = Registry(settings.adapters_dir)
    active = registry.active(kind)
    if active is not None:
        return active, f"the active adapter, {_describe(active)}"
    made = [entry for entry in registry.list() if entry.kind == kind]  # oldest first
    if not made:
        how = "`inhouse retrain`" if kind == READER else f"`inhouse retrain --kind {kind}`"
        raise UnknownModelError(f"There is no tuned {kind} yet. Train one with {how}.")
    return made[-1], f"not promoted: {_describe(made[-1])}"


def _folder(entry: AdapterEntry) -> Path:
    if not entry.path.is_dir():
        raise ModelError(f"The files of the adapter {entry.id} are gone from {entry.path}.")
    return entry.path


def _describe(entry: AdapterEntry) -> str:
    return f"{entry.id} on {entry.base}, made {entry.created}"
