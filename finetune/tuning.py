"""Tunes the reader on questions about the indexed documents, and promotes the result only if it is better.

dataset -> split by document -> groups, mixed with practice -> LoRA -> both arms on held-out questions
    -> registry
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ConfigurationError, IndexEmptyError
from core.progress import Progress, silent
from core.types import QAPair
from finetune import datasets, importing, promotion
from finetune.generation import default_dataset, generate_qa
from finetune.registry import Registry

if TYPE_CHECKING:
    from core.answering import Answerer
    from core.bootstrap import Inhouse
    from finetune.recipes.reader import TrainReport

KIND = "reader"
_ASKED = {
    "answerable": 60,
    "unanswerable": 25,
    "offtopic": 12,
    "injection": 3,
}  # at most, of the held-out ones
_PACKAGES = ("torch", "transformers", "peft", "sentence-transformers")

Trainer = Callable[..., "TrainReport"]
Arm = Callable[["Inhouse", Path], "Answerer"]


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
) -> RetrainReport:
    """Tunes from the adapter in use, or `base` (an adapter id or folder), on `dataset` or a generated one.

    Generating models (`kind` causal or seq2seq) are tuned by `finetune/generating.py`, where `recipe` is a
    YAML file over its settings. `train` and `arm` stand in for the recipe and for wiring an adapter, in
    tests. Raises ConfigurationError for what cannot be tuned, InvalidInputError where there is too little to
    learn from or to measure by, IndexEmptyError, UnknownModelError and ModelError.
    """
    if recipe is not None and kind == KIND:
        raise ConfigurationError("Recipes are for --kind causal and seq2seq; the reader has settings.")
    if inhouse.index.is_empty:
        raise IndexEmptyError("Nothing has been indexed yet. Run `inhouse reindex FOLDER` first.")
    started = time.monotonic()
    settings, registry = inhouse.settings, Registry(inhouse.settings.adapters_dir)
    if kind == KIND:
        start = _starting_adapter(inhouse, registry, base)
    if dataset:
        given = importing.load(dataset, inhouse.index, settings.assistant, progress)
    else:
        given = datasets.load(_current_dataset(inhouse, progress))
    pairs = [pair for pair in given if datasets.is_grounded(pair)]
    if kind != KIND:
        from finetune.generating import retrain_generating

        return retrain_generating(inhouse, pairs, kind=kind, base=base, recipe=recipe, progress=progress)
    learned, held_out = datasets.split_by_document(
        pairs, settings.finetune.test_share, settings.finetune.seed
    )
    settings.adapters_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.adapters_dir, prefix=".training-") as temporary:
        out = Path(temporary) / "adapter"
        training = _train(inhouse, learned, start, out, train, progress)
        promoted, reason, metrics = _measure(inhouse, held_out, out, arm or _wired, progress)
        counts = {"learned": len(learned), "held_out": len(held_out), "ungrounded": len(given) - len(pairs)}
        metrics |= {"training": training, "pairs": counts}
        adapter = registry.add(
            out,
            kind=KIND,
            base=_base_name(start, registry),
            metrics=metrics,
            recipe=settings.finetune.model_dump(),
            prompt_hash=_prompt_hash(),
            data_hash=datasets.data_hash(pairs),
            environment={name: metadata.version(name) for name in _PACKAGES},
        )
    if promoted:
        registry.activate(adapter)
    return RetrainReport(adapter, promoted, reason, metrics, round(time.monotonic() - started, 1))


def _starting_adapter(inhouse: Inhouse, registry: Registry, base: str | None) -> Path:
    if base is None:
        return inhouse.adapter
    return Path(base) if Path(base).is_dir() else registry.get(base).path


def _base_name(start: Path, registry: Registry) -> str:
    """The registry id of the adapter that training started from, or `shipped`."""
    known = next((entry.id for entry in registry.list() if entry.path == start), "")
    from core.models.reader import SHIPPED_ADAPTER

    return known or ("shipped" if start == SHIPPED_ADAPTER else str(start))


def _prompt_hash() -> str:
    from core.models.reader import format_hash

    return format_hash()


def _current_dataset(inhouse: Inhouse, progress: Progress) -> Path:
    """The generated dataset, made anew where the index has changed since."""
    path = default_dataset(inhouse.settings)
    if path.is_file():
        latest = max((document.indexed_at for document in inhouse.index.documents()), default=0.0)
        wanted = {pair.chunk_id for pair in datasets.load(path) if pair.chunk_id}
        if path.stat().st_mtime > latest and len(inhouse.index.chunks(list(wanted))) == len(wanted):
            return path
    return generate_qa(inhouse, out=path, progress=progress).dataset


def _train(
    inhouse: Inhouse,
    learned: Sequence[QAPair],
    start: Path,
    out: Path,
    train: Trainer | None,
    progress: Progress,
) -> dict[str, Any]:
    from core.models.reader import SHIPPED_ADAPTER
    from finetune.reader_data import groups_from_pairs
    from finetune.recipes.reader import train_reader
    from finetune.replay import replay_groups

    settings = inhouse.settings.finetune
    taught = [pair for pair in learned if pair.kind != "injection"]  # those never reach the reader
    groups = groups_from_pairs(taught, inhouse, seed=settings.seed, progress=progress)
    mixed = [*groups, *replay_groups(len(groups), settings.seed)]
    random.Random(settings.seed).shuffle(mixed)
    report = (train or train_reader)(mixed, base_adapter=start, out=out, settings=settings, progress=progress)
    decision = start / "decision.json"
    if start != SHIPPED_ADAPTER and decision.is_file():  # the shipped one is found without a copy
        shutil.copy(decision, out)
    return {**asdict(report), "groups": len(groups), "replayed": len(mixed) - len(groups)}


def _measure(
    inhouse: Inhouse, held_out: Sequence[QAPair], tuned: Path, arm: Arm, progress: Progress
) -> tuple[bool, str, dict[str, Any]]:
    """(promote, why, figures) of the tuned adapter against the one in use."""
    seed = inhouse.settings.finetune.seed
    asked = sample(held_out, seed)
    before = promotion.ask_all(inhouse.answerer, asked, "current", progress)
    after = promotion.ask_all(arm(inhouse, tuned), asked, "tuned", progress)
    base, new = promotion.summary(before), promotion.summary(after)
    gain = promotion.difference(before, after, seed)
    promoted, reason = promotion.decide(base, new, gain)
    return promoted, reason, {"base": base, "tuned": new, "difference": asdict(gain)}


def sample(held_out: Sequence[QAPair], seed: int) -> list[QAPair]:
    """So many of each kind that both arms answer them within a minute or two on two cores."""
    chosen: list[QAPair] = []
    for kind, most in _ASKED.items():
        of_kind = [
            pair
            for pair in held_out
            if pair.kind == kind or (kind == "answerable" and pair.kind in datasets.ANSWERABLE_KINDS)
        ]
        chosen += random.Random(f"{seed} {kind}").sample(of_kind, min(most, len(of_kind)))
    return chosen


def _wired(inhouse: Inhouse, adapter: Path) -> Answerer:
    from core.bootstrap import Inhouse as Wiring

    return Wiring(inhouse.settings, reader_adapter=adapter, shared=inhouse).answerer
