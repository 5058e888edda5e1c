"""Tunes the reader on questions about the indexed documents, and promotes the result only if it is better.

dataset -> split by document: learned, aside, held out -> groups, mixed with practice -> training, its weights
    chosen by what is aside -> decision moved by another handbook -> both arms on what is held out -> both
    on that handbook -> registry
"""

from __future__ import annotations

import os
import platform
import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ConfigurationError, IndexEmptyError, InvalidInputError
from core.progress import Progress, silent
from core.types import QAPair
from finetune import calibration, datasets, importing, promotion, regression
from finetune.generation import default_dataset, generate_qa
from finetune.recipes.checkpoint import Checkpoints
from finetune.registry import Registry
from finetune.workspace import contents_hash, workspace

if TYPE_CHECKING:
    from core.answering import Answerer
    from core.bootstrap import Inhouse
    from core.settings import FinetuneSettings
    from finetune.recipes.reader import ReaderGroup, TrainReport

KIND = "reader"
_ASKED = {
    "answerable": 60,
    "unanswerable": 25,
    "offtopic": 12,
    "injection": 3,
}  # at most, of the held-out ones
_FEWEST_ASIDE = 120  # answerable pairs to learn from, below which none is put aside
_VALIDATED = 32  # groups that choose the weights
_REPLAYED = 0.5  # practice groups mixed in, for each group of the documents
_PACKAGES = ("torch", "transformers", "peft", "sentence-transformers")

Trainer = Callable[..., "TrainReport"]
Arm = Callable[["Inhouse", Path], "Answerer"]
Calibrate = Callable[["Inhouse", Path, Progress], "calibration.Calibration | None"]
Regress = Callable[["Inhouse", Path, Progress], tuple[list[promotion.Outcome], list[promotion.Outcome]]]


@dataclass(frozen=True, slots=True)
class RetrainReport:
    adapter: str  # its id in the registry
    promoted: bool
    reason: str
    metrics: dict[str, Any]  # shares of both arms, their difference, and how training went
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The JSON of `retrain`."""
        return asdict(self)


def calibrated(inhouse: Inhouse, adapter: Path, progress: Progress) -> calibration.Calibration | None:
    """Moves the decision beside the adapter where that pays, by people's questions about another handbook.

    Generated questions are no measure of it: they are easier to answer, and their contrast harder to decline.
    Moved by 32 of them the decision answered 29% of people's answerable questions about `examples/`, and 57%
    before.
    """
    with regression.assistant(inhouse, adapter, progress) as tuned:
        return calibration.calibrate(tuned, adapter, regression.to_calibrate_by(), progress)


def retrain(
    inhouse: Inhouse,
    *,
    kind: str = KIND,
    base: str | None = None,
    dataset: Path | None = None,
    recipe: Path | None = None,
    progress: Progress = silent,
    train: Trainer | None = None,
    arm: Arm | None = None,
    calibrate: Calibrate | None = calibrated,
    regress: Regress | None = regression.both,
) -> RetrainReport:
    """Tunes from the adapter in use, or `base` (an adapter id or folder), on `dataset` or a generated one.

    Generating models (`kind` causal or seq2seq) are tuned by `finetune/generating.py`, where `recipe` is a
    YAML file over its settings. `train` and `arm` stand in for the recipe and for wiring an adapter, in
    tests; without `calibrate` the decision stays as it is, without `regress` nothing is asked about another
    handbook. A run that was killed goes on from its last checkpoint when it is started again. Raises
    ConfigurationError for what cannot be tuned, InvalidInputError where there is too little to learn from or
    to measure by, IndexEmptyError, UnknownModelError and ModelError.
    """
    if recipe is not None and kind == KIND:
        raise ConfigurationError("Recipes are for --kind causal and seq2seq; the reader has settings.")
    if inhouse.index.is_empty:
        raise IndexEmptyError("Nothing has been indexed yet. Run `inhouse reindex FOLDER` first.")
    from core.models.reader import base_hash, format_hash

    started = time.monotonic()
    settings, registry = inhouse.settings, Registry(inhouse.settings.adapters_dir)
    if kind == KIND:
        start = _starting_adapter(inhouse, registry, base)
    pairs, ungrounded = pairs_of(inhouse, dataset, progress)
    if kind != KIND:
        from finetune.generating import retrain_generating

        elsewhere = regression.written_by if regress else None
        return retrain_generating(
            inhouse, pairs, kind=kind, base=base, recipe=recipe, progress=progress, regress=elsewhere
        )
    parts = split(pairs, settings.finetune)
    lessons = lessons_of(inhouse, parts, progress)
    key = lessons.key(start, settings.finetune)
    with workspace(settings.adapters_dir, key) as folder:
        out = folder / "adapter"
        training = _train(lessons, start, out, settings.finetune, Checkpoints(folder, key), train, progress)
        moved = calibrate(inhouse, out, progress) if calibrate else None
        promoted, reason, metrics = _measure(inhouse, parts.held_out, out, arm or _wired, progress)
        if promoted and regress:
            promoted, reason, lost = _regress(inhouse, out, regress, reason, progress)
            metrics |= {"regression": lost}
        metrics |= {
            "training": training,
            "decision": moved.to_json() if moved else None,
            "pairs": {**parts.sizes(), "ungrounded": ungrounded},
            "seconds": round(time.monotonic() - started, 1),
        }
        datasets.save(out / datasets.LEARNED, [*parts.learned, *parts.aside])
        adapter = registry.add(
            out,
            kind=KIND,
            base=_base_name(start, registry),
            base_hash=base_hash(),
            metrics=metrics,
            recipe=settings.finetune.model_dump(),
            prompt_hash=format_hash(),
            data_hash=datasets.data_hash(pairs),
            environment=environment(),
        )
    if promoted:
        registry.activate(adapter)
    return RetrainReport(adapter, promoted, reason, metrics, round(time.monotonic() - started, 1))


@dataclass(frozen=True, slots=True)
class Parts:
    """Pairs by what they are for. No document is in two of them."""

    learned: list[QAPair]
    aside: list[QAPair]  # choose the weights; empty where there are few to learn from
    held_out: list[QAPair]

    def sizes(self) -> dict[str, int]:
        return {"learned": len(self.learned), "aside": len(self.aside), "held_out": len(self.held_out)}


def pairs_of(inhouse: Inhouse, dataset: Path | None, progress: Progress) -> tuple[list[QAPair], int]:
    """Of the file, or generated ones: those whose answer the documents hold, and the number of the others."""
    if dataset:
        given = importing.load(dataset, inhouse.index, inhouse.settings.assistant, progress)
    else:
        given = datasets.load(current_dataset(inhouse, progress))
    pairs = [pair for pair in given if datasets.is_grounded(pair)]
    return pairs, len(given) - len(pairs)


def split(pairs: Sequence[QAPair], settings: FinetuneSettings) -> Parts:
    """Raises InvalidInputError where the pairs cannot be split by document."""
    learned, held_out = datasets.split_by_document(pairs, settings.test_share, settings.seed)
    answerable = sum(pair.kind in datasets.ANSWERABLE_KINDS for pair in learned)
    if answerable < _FEWEST_ASIDE or not settings.validation_share:
        return Parts(learned, [], held_out)
    try:
        learned, aside = datasets.split_by_document(learned, settings.validation_share, settings.seed + 1)
    except InvalidInputError:  # too few documents for three parts
        aside = []
    return Parts(learned, aside, held_out)


@dataclass(frozen=True, slots=True)
class Lessons:
    """What training sees."""

    groups: list[ReaderGroup]
    replayed: list[ReaderGroup]
    validation: list[ReaderGroup]

    def key(self, start: Path, settings: FinetuneSettings) -> str:
        """Of everything that the weights depend on."""
        from finetune.recipes.groups import data_hash

        parts = (self.groups, self.replayed, self.validation)
        return contents_hash(start, *map(data_hash, parts), settings.model_dump_json())


def lessons_of(inhouse: Inhouse, parts: Parts, progress: Progress = silent) -> Lessons:
    from finetune.replay import replay_groups

    groups = taught(parts.learned, inhouse, progress)
    replayed = replay_groups(round(_REPLAYED * len(groups)), inhouse.settings.finetune.seed)
    return Lessons(groups, replayed, taught(parts.aside, inhouse, progress)[:_VALIDATED])


def taught(pairs: Sequence[QAPair], inhouse: Inhouse, progress: Progress) -> list[ReaderGroup]:
    """The groups of what reaches the reader, shuffled."""
    from finetune.reader_data import groups_from_pairs

    read = [pair for pair in pairs if pair.kind != "injection"]
    return groups_from_pairs(read, inhouse, seed=inhouse.settings.finetune.seed, progress=progress)


def environment() -> dict[str, str]:
    """What a run depends on beside its recipe: packages and machine."""
    versions = {name: metadata.version(name) for name in _PACKAGES}
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    return {"python": platform.python_version(), "machine": machine, **versions}


def _starting_adapter(inhouse: Inhouse, registry: Registry, base: str | None) -> Path:
    if base is None:
        return inhouse.adapter
    return Path(base) if Path(base).is_dir() else registry.get(base).path


def _base_name(start: Path, registry: Registry) -> str:
    """The registry id of the adapter that training started from, or `shipped`."""
    known = next((entry.id for entry in registry.list() if entry.path == start), "")
    from core.models.reader import SHIPPED_ADAPTER

    return known or ("shipped" if start == SHIPPED_ADAPTER else str(start))


def current_dataset(inhouse: Inhouse, progress: Progress) -> Path:
    """The generated dataset, made anew where the index has changed since."""
    path = default_dataset(inhouse.settings)
    if path.is_file():
        latest = max((document.indexed_at for document in inhouse.index.documents()), default=0.0)
        wanted = {pair.chunk_id for pair in datasets.load(path) if pair.chunk_id}
        if path.stat().st_mtime > latest and len(inhouse.index.chunks(list(wanted))) == len(wanted):
            return path
    return generate_qa(inhouse, out=path, progress=progress).dataset


def _train(
    lessons: Lessons,
    start: Path,
    out: Path,
    settings: FinetuneSettings,
    checkpoints: Checkpoints,
    train: Trainer | None,
    progress: Progress,
) -> dict[str, Any]:
    from core.models.reader import SHIPPED_ADAPTER
    from finetune.recipes.reader import train_reader

    mixed = [*lessons.groups, *lessons.replayed]
    random.Random(settings.seed).shuffle(mixed)
    report = (train or train_reader)(
        mixed,
        base_adapter=start,
        out=out,
        settings=settings,
        validation=lessons.validation,
        checkpoints=checkpoints,
        progress=progress,
    )
    decision = start / "decision.json"
    if start != SHIPPED_ADAPTER and decision.is_file():  # the shipped one is found without a copy
        shutil.copy(decision, out)
    return {**asdict(report), "groups": len(lessons.groups), "replayed": len(lessons.replayed)}


def _measure(
    inhouse: Inhouse, held_out: Sequence[QAPair], tuned: Path, arm: Arm, progress: Progress
) -> tuple[bool, str, dict[str, Any]]:
    """(promote, why, figures) of the tuned adapter against the one in use."""
    seed = inhouse.settings.finetune.seed
    asked = sample(held_out, seed)
    before, after = promotion.ask_both(inhouse.answerer, arm(inhouse, tuned), asked, progress)
    base, new = promotion.summary(before), promotion.summary(after)
    gain = promotion.difference(before, after, seed)
    promoted, reason = promotion.decide(base, new, gain)
    return promoted, reason, {"base": base, "tuned": new, "difference": asdict(gain)}


def _regress(
    inhouse: Inhouse, tuned: Path, regress: Regress, reason: str, progress: Progress
) -> tuple[bool, str, dict[str, Any]]:
    """(promote, why, figures) of an adapter that is better on this company's documents."""
    before, after = regress(inhouse, tuned, progress)
    base, new = promotion.summary(before), promotion.summary(after)
    nothing_lost, loss = promotion.kept(base, new)
    return nothing_lost, loss or reason, {"base": base, "tuned": new}


def sample(pairs: Sequence[QAPair], seed: int) -> list[QAPair]:
    """So many of each kind that they are answered within a minute or two on two cores."""
    chosen: list[QAPair] = []
    for kind, most in _ASKED.items():
        of_kind = [
            pair
            for pair in pairs
            if pair.kind == kind or (kind == "answerable" and pair.kind in datasets.ANSWERABLE_KINDS)
        ]
        chosen += random.Random(f"{seed} {kind}").sample(of_kind, min(most, len(of_kind)))
    return chosen


def _wired(inhouse: Inhouse, adapter: Path) -> Answerer:
    from core.bootstrap import Inhouse as Wiring

    return Wiring(inhouse.settings, reader_adapter=adapter, shared=inhouse).answerer
