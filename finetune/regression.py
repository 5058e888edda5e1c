"""Whether a tuned reader has lost what it could: questions about a handbook that it never saw.

The handbook is the practice one that is kept out of the shipped reader's training, with those of its
questions that the decision was not fitted on. Its index stays in `regression/` of the data folder, with what
each reader did, so that only the tuned one has to be asked.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.answering import Answerer
from core.interfaces import Generator
from core.progress import Progress
from core.settings import Settings
from core.types import QAPair
from finetune import datasets
from finetune.base_reader import HELD_OUT
from finetune.decision import fitted_on
from finetune.promotion import Outcome, ask_all
from finetune.reader_data import PRACTICE, kept_assistant

if TYPE_CHECKING:
    from core.bootstrap import Inhouse

ASKED = {"answerable": 24, "unanswerable": 10, "offtopic": 6}
CALIBRATED = {"answerable": 20, "unanswerable": 14}
SEED = 13
HANDBOOK = PRACTICE / HELD_OUT


def questions() -> list[QAPair]:
    every = datasets.load(HANDBOOK / "questions.jsonl")
    fitted = {pair.id for pair in fitted_on(every)}
    chosen: list[QAPair] = []
    for kind, count in ASKED.items():
        of_kind = [pair for pair in every if pair.kind == kind and pair.id not in fitted]
        chosen += random.Random(f"{SEED} {kind}").sample(of_kind, min(count, len(of_kind)))
    return chosen


def to_calibrate_by() -> list[QAPair]:
    """Questions of people about the same handbook, none of which is among `questions`."""
    fitted = fitted_on(datasets.load(HANDBOOK / "questions.jsonl"))
    chosen: list[QAPair] = []
    for kind, count in CALIBRATED.items():
        of_kind = [pair for pair in fitted if pair.kind == kind]
        chosen += random.Random(f"{SEED} {kind}").sample(of_kind, min(count, len(of_kind)))
    return chosen


def assistant(inhouse: Inhouse, adapter: Path, progress: Progress) -> AbstractContextManager[Inhouse]:
    """Over the handbook, answering with the adapter."""
    return kept_assistant(HANDBOOK, inhouse.settings.data_dir / "regression", inhouse, adapter, progress)


def both(inhouse: Inhouse, tuned: Path, progress: Progress) -> tuple[list[Outcome], list[Outcome]]:
    """What the adapter in use and the tuned one do with the questions."""
    current = outcomes_of(inhouse, inhouse.adapter, "current", progress)
    return current, outcomes_of(inhouse, tuned, "tuned", progress)


def outcomes_of(inhouse: Inhouse, adapter: Path, name: str, progress: Progress) -> list[Outcome]:
    """What the adapter does with the questions; `name` stands in the progress."""
    folder = inhouse.settings.data_dir / "regression"
    with assistant(inhouse, adapter, progress) as answering:
        return _outcomes(answering.answerer, questions(), folder, name, progress)


def written_by(
    inhouse: Inhouse, generator: Generator, settings: Settings, name: str, progress: Progress
) -> list[Outcome]:
    """What a generating model does with the questions, by the reader in use and the settings of answering."""
    with assistant(inhouse, inhouse.adapter, progress) as elsewhere:
        answerer = replace(elsewhere.answerer, settings=settings, generator=generator)
        return ask_all(answerer, questions(), f"{name} model about another handbook", progress)


def _outcomes(
    answerer: Answerer, asked: Sequence[QAPair], folder: Path, name: str, progress: Progress
) -> list[Outcome]:
    """Of this reader, decision, index and code, from the file where they are known."""
    file = folder / "outcomes.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    key = f"{answerer.identity} {datasets.data_hash(asked)}"
    if key not in known:
        outcomes = ask_all(answerer, asked, f"{name} model about another handbook", progress)
        known = dict([*known.items()][-20:]) | {key: [asdict(outcome) for outcome in outcomes]}
        datasets.write_atomically(file, json.dumps(known))
    return [Outcome(**row) for row in known[key]]
