"""What an answer depends on, as keys: index, prompts, model, settings, scope, decoding, question, history.

Whatever changes an answer must change its key; what does not change it should not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from core.followup import standalone
from core.interfaces import Decoding
from core.types import Filters, Message
from service.paraphrase import in_one_form

if TYPE_CHECKING:
    from core.bootstrap import Inhouse
    from core.index.index import Index
    from service.conversing import Question

_GENERATIONS = 8  # that are known at a time
_FORMAT = 3  # of keys and values; raise it when either comes to mean something else


@dataclass(frozen=True, slots=True)
class Generation:
    """All answers of one state of index, model and settings."""

    id: str
    groups: frozenset[str]  # that any document is meant for


@dataclass(frozen=True, slots=True)
class AnswerKey:
    exact: str
    generation: str
    space: str  # of questions whose answers may stand for each other; empty where it needs its history


class AnswerKeys:
    """Keys for questions. Thread-safe; a key costs one look at the index version, in microseconds."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Generation] = {}  # of the models that are asked by name

    def of(self, inhouse: Inhouse, question: Question) -> AnswerKey:
        """Taken before the answer is made, so that no answer from an older index stands under a newer key.

        Reads the list of documents where the index or the model have changed. Raises IndexUnavailableError.
        """
        return self._key(self._generation(inhouse), inhouse, question)

    def at_once(self, inhouse: Inhouse, version: int, question: Question) -> AnswerKey | None:
        """The same key for the index version that was just read, or None where it would take a while."""
        generation = self._known.get(_state(inhouse, version))
        return None if generation is None else self._key(generation, inhouse, question)

    def _generation(self, inhouse: Inhouse) -> Generation:
        while True:
            state = _state(inhouse, inhouse.index.version)
            if (known := self._known.get(state)) is not None:
                return known
            generation = _read_generation(inhouse)
            if _state(inhouse, inhouse.index.version) == state:  # else a commit came in between
                newest = list(self._known.items())[1 - _GENERATIONS :]
                self._known = {**dict(newest), state: generation}
                return generation

    def _key(self, generation: Generation, inhouse: Inhouse, question: Question) -> AnswerKey:
        quotes = inhouse.settings.generator == "reader"  # it does not look at history
        alone = not question.history or (
            quotes and standalone(question.text, question.history) == question.text
        )
        decoding = _heeded_by_the_reader(question.decoding) if quotes else question.decoding
        space = space_key(generation.id, _scope(question.filters, generation.groups), decoding)
        exact = answer_key(space, question.text, () if alone else question.history)
        return AnswerKey(exact, generation.id, space if alone else "")


def _heeded_by_the_reader(decoding: Decoding) -> Decoding:
    """It ends its text before whichever stop string comes first, so that their order makes no difference."""
    return Decoding(max_tokens=decoding.max_tokens, stop=tuple(sorted(set(decoding.stop))))


@lru_cache(maxsize=1024)
def space_key(identity: str, scope: Filters, decoding: Decoding) -> str:
    """All that an answer depends on beside question and history.

    `identity` stands for index version, documents, prompts, model and the settings of answering; `scope` for
    what the asker may see.
    """
    return _digest([_FORMAT, identity, repr(scope), asdict(decoding)])


def answer_key(space: str, question: str, history: Sequence[Message]) -> str:
    """Case, white space and Unicode form of the question do not matter."""
    turns = [[message.role, fold(message.content)] for message in history]
    return _digest([space, fold(question), turns])


def fold(text: str) -> str:
    return " ".join(in_one_form(text).split()).casefold()


@lru_cache(maxsize=1024)
def _scope(filters: Filters, known_groups: frozenset[str]) -> Filters:
    """The filters without what makes no difference: order, and groups that no document is meant for."""
    groups = filters.groups
    if groups is not None:
        groups = tuple(sorted(known_groups.intersection(groups)))
    return replace(filters, tags=tuple(sorted(set(filters.tags))), groups=groups)


def _state(inhouse: Inhouse, version: int) -> tuple[object, ...]:
    """Another one wherever the generation may be another one."""
    return version, inhouse.serial, inhouse.generator.id


def _read_generation(inhouse: Inhouse) -> Generation:
    """The digest holds the documents too: the version alone would let two indexes share one Redis."""
    index: Index = inhouse.index
    documents = index.documents()
    files = sorted([file.root, file.source, file.content_hash, asdict(file.labels)] for file in documents)
    groups = frozenset(group for file in documents for group in file.labels.groups)
    return Generation(_digest([inhouse.answerer.identity, files])[:32], groups)


def _digest(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
