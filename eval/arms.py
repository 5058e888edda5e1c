"""Names to arms. An arm is the answering path that the service uses, with one reader adapter.

base        the shipped reader
tuned       the active adapter of this installation; where none was promoted, the newest
anything else   the id of an adapter
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import InvalidInputError, ModelError, UnknownModelError
from core.settings import Settings
from core.types import Answer, Message
from finetune.registry import AdapterEntry, Registry

if TYPE_CHECKING:
    from core.bootstrap import Inhouse

KIND = "reader"  # of the adapters that can be an arm


@dataclass(frozen=True, slots=True)
class Arm:
    """The system under evaluation: a question and the messages before it -> an Answer."""

    name: str
    answer: Callable[[str, Sequence[Message]], Answer]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Bench:
    """What is evaluated, and what had to be left out and why."""

    arms: tuple[Arm, ...]
    skipped: dict[str, str]


def open_arms(inhouse: Inhouse, names: Sequence[str]) -> Bench:
    """An arm for each name; all of them use the index and the embedder of `inhouse`.

    Models load with the first question. Raises InvalidInputError where no name is given.
    """
    if not names:
        raise InvalidInputError("Name at least one arm: base, tuned, or the id of an adapter.")
    arms = []
    skipped = {}
    for name in dict.fromkeys(names):
        try:
            path, description = adapter_of(inhouse.settings, name)
            arms.append(Arm(name, _answer_with(inhouse, path), description))
        except ModelError as error:
            skipped[name] = error.message
    return Bench(tuple(arms), skipped)


def adapter_of(settings: Settings, name: str) -> tuple[Path, str]:
    """The adapter folder of an arm, and a phrase that says what it is. ModelError where there is none."""
    if name == "base":
        from core.models.reader import SHIPPED_ADAPTER

        return SHIPPED_ADAPTER, "the shipped reader"
    registry = Registry(settings.adapters_dir)
    if name != "tuned":
        entry = registry.get(name)
        return _folder(entry), _describe(entry)
    active = registry.active(KIND)
    if active is not None:
        return _folder(active), f"the active adapter, {_describe(active)}"
    readers = [entry for entry in registry.list() if entry.kind == KIND]  # oldest first
    if not readers:
        raise UnknownModelError("There is no tuned reader yet. Train one with `inhouse retrain`.")
    return _folder(readers[-1]), f"not promoted: {_describe(readers[-1])}"


def _folder(entry: AdapterEntry) -> Path:
    if entry.kind != KIND:
        raise ModelError(f"The adapter {entry.id} is of kind {entry.kind}; an arm takes a {KIND} adapter.")
    if not entry.path.is_dir():
        raise ModelError(f"The files of the adapter {entry.id} are gone from {entry.path}.")
    return entry.path


def _describe(entry: AdapterEntry) -> str:
    return f"{entry.id} on {entry.base}, made {entry.created}"


def _answer_with(inhouse: Inhouse, adapter: Path) -> Callable[[str, Sequence[Message]], Answer]:
    arm = type(inhouse)(inhouse.settings, reader_adapter=adapter, shared=inhouse)
    return lambda question, history: arm.answerer.answer(question, history)
