"""What an evaluation is told of this installation: what the adapters have learned from, which questions were
kept from them, and what people said of logged answers.

The registry knows a data set by the hash of its pairs. Where a file of that hash is still among the data
sets, it is split as `retrain` split it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from core.errors import InhouseError, InvalidInputError
from core.settings import FinetuneSettings, Settings
from core.types import QAPair
from eval.arm_names import parse
from eval.arms import tuned_entry
from eval.questions import load_questions
from finetune import datasets, tuning
from finetune.generation import default_dataset
from finetune.registry import AdapterEntry, Registry
from service.exporting import logged

HELD_OUT = "held-out"


def learned_by(settings: Settings, arms: Sequence[str], training: Path | None) -> dict[str, list[QAPair]]:
    """Pairs by the name of the data, of every adapter among the arms whose data are still here.

    `training` is looked through beside the data sets of this installation, and is taken whole where no
    adapter is known to come from it. Raises InvalidInputError where it cannot be used.
    """
    entries = _entries(settings, arms)
    found: dict[str, list[QAPair]] = {}
    used = set()
    files = [*sorted(settings.datasets_dir.glob("*.jsonl")), *([training] if training else [])]
    by_hash = {hash_: (file, pairs) for file, hash_, pairs in _hashed(files if entries else ())}
    for entry in entries:
        if entry.data_hash in by_hash:
            file, pairs = by_hash[entry.data_hash]
            used.add(file)
            found[f"{entry.id} learned from {file.name}"] = _learned(pairs, entry, settings)
    if training and training not in used:
        found[f"The training questions of {training.name}"] = list(load_questions(training).questions)
    return found


def write_held_out(settings: Settings) -> Path:
    """The questions of the generated data set whose documents `retrain` does not learn from, as a file.

    Contrast questions are left out: they ask for what the index does hold, without its passage. Raises
    InvalidInputError where there is no data set or it cannot be split.
    """
    pairs = [pair for pair in datasets.load(default_dataset(settings)) if datasets.is_grounded(pair)]
    held_out = tuning.split(pairs, settings.finetune).held_out
    asked = [pair for pair in held_out if pair.kind != "unanswerable" or not pair.evidence]
    path = settings.datasets_dir / f"{HELD_OUT}.jsonl"
    datasets.save(path, asked)
    return path


def ratings(settings: Settings) -> dict[tuple[str, str], int]:
    """(question, answer) -> what people said of it, as the log holds them."""
    rated = [exchange for exchange in logged(settings, rated_only=True) if exchange.rating]
    return {(exchange.question, exchange.answer): exchange.rating for exchange in rated}


def _entries(settings: Settings, arms: Sequence[str]) -> list[AdapterEntry]:
    """Of the arms that name an adapter that there is; what else is wrong with an arm is told elsewhere."""
    registry = Registry(settings.adapters_dir)
    entries = {}
    for arm in arms:
        try:
            name = parse(arm)
            if name.model in ("", "base"):
                continue
            tuned = name.model == "tuned"
            for entry in _tuned(settings) if tuned else [registry.get(name.model)]:
                entries[entry.id] = entry
        except InhouseError:
            continue
    return list(entries.values())


def _tuned(settings: Settings) -> list[AdapterEntry]:
    """What `tuned` can stand for: of a generating model the kind is known when it is loaded."""
    if settings.generator == "reader":
        return [tuned_entry(settings, "reader")[0]]
    registry = Registry(settings.adapters_dir)
    return [entry for kind in ("causal", "seq2seq") if (entry := registry.active(kind))]


def _hashed(files: Iterable[Path]) -> Iterable[tuple[Path, str, list[QAPair]]]:
    for file in files:
        try:
            pairs = [pair for pair in datasets.load(file) if datasets.is_grounded(pair)]
        except InvalidInputError:  # a file of another format, which no adapter of ours was tuned on as it is
            continue
        yield file, datasets.data_hash(pairs), pairs


def _learned(pairs: Sequence[QAPair], entry: AdapterEntry, settings: Settings) -> list[QAPair]:
    known = {name: value for name, value in entry.recipe.items() if name in FinetuneSettings.model_fields}
    recipe = settings.finetune.model_copy(update=known)
    try:
        parts = tuning.split(pairs, recipe)
    except InvalidInputError:
        return list(pairs)
    return [*parts.learned, *parts.aside]
