"""What an evaluation is told of this installation: what the adapters have learned from, which questions were
kept from them, and what people said of logged answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from core.errors import InhouseError, InvalidInputError, ModelError
from core.settings import Settings
from core.types import QAPair
from eval.arm_names import parse
from eval.arms import tuned_entry
from eval.nearest import training_file
from eval.questions import load_questions
from finetune import datasets, tuning
from finetune.generation import default_dataset
from finetune.registry import AdapterEntry, Registry
from service.exporting import logged

HELD_OUT = "held-out"


def learned_by(settings: Settings, arms: Sequence[str], training: Path | None) -> dict[str, list[QAPair]]:
    """Pairs by what they are: of every adapter among the arms, of those that it was tuned from, and the pairs
    that the arm `nearest` copies from: `training`, or the newest data set. The list is empty where an adapter
    does not hold what it learned, or the pairs cannot be read.
    """
    found: dict[str, list[QAPair]] = {}
    for entry in _entries(settings, arms):
        file = entry.path / datasets.LEARNED
        if file.is_file():
            found[f"What {entry.id} learned"] = datasets.load(file)
        else:
            found[f"What {entry.id} learned is not known: {file} is gone"] = []
    copying = any(arm.partition("+")[0] == "nearest" for arm in arms)
    copied = training or (_newest(settings) if copying else None)
    if copied:
        try:
            found[f"The training questions of {copied.name}"] = list(load_questions(copied).questions)
        except InvalidInputError as error:
            found[f"The training questions of {copied.name} are not known: {error.message.rstrip('.')}"] = []
    return found


def _newest(settings: Settings) -> Path | None:
    try:
        return training_file(settings, None)
    except ModelError:
        return None


def write_held_out(settings: Settings, arms: Sequence[str]) -> tuple[Path, Path]:
    """(questions, training) as files: those of the generated data set about documents that neither `retrain`
    learns from nor an arm has learned from, and those that it does learn from.

    Contrast questions are left out: they ask for what the index does hold, without its passage. Raises
    InvalidInputError where there is no data set, it cannot be split, or all of it was learned from.
    """
    pairs = [pair for pair in datasets.load(default_dataset(settings)) if datasets.is_grounded(pair)]
    parts = tuning.split(pairs, settings.finetune)
    learned = [pair for pairs in learned_by(settings, arms, None).values() for pair in pairs]
    known = {document for pair in learned for document in datasets.documents_of(pair)}
    unseen = [pair for pair in parts.held_out if known.isdisjoint(datasets.documents_of(pair))]
    asked = [pair for pair in unseen if pair.kind != "unanswerable" or not pair.evidence]
    if not any(pair.kind in datasets.ANSWERABLE_KINDS for pair in asked):
        raise InvalidInputError(
            "The adapters have learned from all documents that generated questions are about. Write some of"
            " your own into a file, or index more documents and run `inhouse generate-qa`."
        )
    folder = settings.data_dir / HELD_OUT
    files = folder / f"{HELD_OUT}.jsonl", folder / "training.jsonl"
    datasets.save(files[0], asked)
    datasets.save(files[1], [*parts.learned, *parts.aside])
    return files


def ratings(settings: Settings) -> dict[tuple[str, str], int]:
    """(question, answer) -> what people said of it, as the log holds them."""
    rated = [exchange for exchange in logged(settings, rated_only=True) if exchange.rating]
    return {(exchange.question, exchange.answer): exchange.rating for exchange in rated}


def _entries(settings: Settings, arms: Sequence[str]) -> list[AdapterEntry]:
    """Of the arms that name an adapter that there is, and those that it was tuned from; what else is wrong
    with an arm is told elsewhere.
    """
    registry = Registry(settings.adapters_dir)
    entries: dict[str, AdapterEntry] = {}
    for arm in arms:
        try:
            name = parse(arm)
            if name.model in ("", "base"):
                continue
            for entry in _tuned(settings) if name.model == "tuned" else [registry.get(name.model)]:
                entries |= {each.id: each for each in _lineage(entry, registry)}
        except InhouseError:
            continue
    return list(entries.values())


def _lineage(entry: AdapterEntry, registry: Registry) -> Iterator[AdapterEntry]:
    """The adapter, the one that it was tuned from, and so on."""
    known = {each.id: each for each in registry.list()}
    step: AdapterEntry | None = entry
    while step is not None:
        yield step
        step = known.get(step.base)


def _tuned(settings: Settings) -> list[AdapterEntry]:
    """What `tuned` can stand for: of a generating model the kind is known when it is loaded."""
    if settings.generator == "reader":
        return [tuned_entry(settings, "reader")[0]]
    registry = Registry(settings.adapters_dir)
    return [entry for kind in ("causal", "seq2seq") if (entry := registry.active(kind))]
