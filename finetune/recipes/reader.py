"""Tunes the reader on groups of one question with texts that answer it and texts that do not.

The loss is the softmax cross-entropy of a positive within its group, which teaches the order, plus binary
cross-entropy on every text, which teaches an absolute probability and lets a group without a positive teach
declining. Measured on two cores: no dropout (its random numbers cost as much as the model), batches of like
length in micro-batches, padded to multiples of 8.

    estimate -> steps, each a function of seed and number -> validate now and then -> the best weights -> save
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import InvalidInputError
from core.progress import Progress, silent
from core.settings import FinetuneSettings
from finetune.estimate import Estimate, estimate
from finetune.recipes.checkpoint import Checkpoints
from finetune.recipes.groups import ReaderGroup as ReaderGroup
from finetune.recipes.groups import Sample, batches, data_hash, sample_of
from finetune.recipes.ranking import ranking
from finetune.recipes.reader_model import encode, logits, network_of, save_reader, trainable

if TYPE_CHECKING:
    import torch
    from sentence_transformers import CrossEncoder

_MICRO_BATCH = 8  # questions, each with its texts
_WARM_UP = 0.06
_LAST_RATE = 0.05  # share of the learning rate that the cosine ends at
_BINARY_WEIGHT = 0.5
_POSITIVE_WEIGHT = 3.0  # in the binary part: a group has about this many times more negatives than it should
_ESTIMATED_FROM = 64  # groups whose lengths stand for all


@dataclass(frozen=True, slots=True)
class TrainReport:
    steps: int
    seconds: float
    loss_first: float  # mean of the first tenth of the steps
    loss_last: float  # mean of the last tenth
    trainable_parameters: int
    stopped_early: bool
    validation: list[dict[str, float]] = field(default_factory=list)  # by step; empty without validation
    kept_step: int = 0  # whose weights were kept
    estimate: dict[str, float] = field(default_factory=dict)


@dataclass
class _Run:
    """What changes from step to step, and what a checkpoint holds of it."""

    model: CrossEncoder
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LambdaLR
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0  # before this process
    validation: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, torch.Tensor] = field(default_factory=dict)

    def weights(self) -> dict[str, torch.Tensor]:
        named = network_of(self.model).named_parameters()
        return {name: weight for name, weight in named if weight.requires_grad}

    def state(self, seconds: float) -> dict[str, Any]:
        import torch

        return {
            "weights": {name: weight.detach() for name, weight in self.weights().items()},
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "random": torch.get_rng_state(),
            "losses": self.losses,
            "seconds": seconds,
            "validation": self.validation,
            "best": self.best,
        }

    def restore(self, state: dict[str, Any]) -> None:
        import torch

        self.put(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["random"])
        self.losses, self.seconds = state["losses"], state["seconds"]
        self.validation, self.best = state["validation"], state["best"]

    def put(self, weights: dict[str, torch.Tensor]) -> None:
        for name, weight in self.weights().items():
            weight.data.copy_(weights[name])

    def validated(self, figures: dict[str, float]) -> None:
        """Notes them, and the weights where nothing was better."""
        best = max((row["score"] for row in self.validation), default=-math.inf)
        self.validation.append({"step": float(len(self.losses)), **figures})
        if figures["score"] >= best:
            self.best = {name: weight.detach().clone() for name, weight in self.weights().items()}

    @property
    def kept_step(self) -> int:
        if not self.validation:
            return len(self.losses)
        return int(max(self.validation, key=lambda row: (row["score"], row["step"]))["step"])

    def without_gain(self) -> int:
        """Validations since the score last rose."""
        scores = [row["score"] for row in self.validation]
        return len(scores) - 1 - scores.index(max(scores)) if scores else 0


def train_reader(
    groups: Sequence[ReaderGroup],
    *,
    base_adapter: Path | None,
    out: Path,
    settings: FinetuneSettings,
    max_tokens: int = 160,
    validation: Sequence[ReaderGroup] = (),
    checkpoints: Checkpoints | None = None,
    progress: Progress = silent,
) -> TrainReport:
    """Trains from `base_adapter` (None: from MiniLM) and writes weights and card into `out`.

    With `validation` groups the weights that do best on them are kept, and training stops after
    `settings.patience` validations without a gain. With `checkpoints` a run that was killed goes on from its
    last one and ends with the same weights, bit by bit. Raises InvalidInputError where there is no group with
    a positive to learn from.
    """
    import torch

    from core.models.heaps import keep_freed_memory

    usable = [group for group in groups if group.positives or group.negatives]
    if not any(group.positives for group in usable):
        raise InvalidInputError("There is nothing to train on: no question has a text that answers it.")
    keep_freed_memory()
    torch.manual_seed(settings.seed)
    model = trainable(base_adapter, settings, max_tokens)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    per_epoch = math.ceil(len(usable) / settings.batch_questions)
    total = max(1, round(per_epoch * settings.epochs))
    costs = _estimate(model, usable, settings, total)
    progress("estimate", 1, 1, costs.line())
    optimizer = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, total))
    run = _Run(model, optimizer, schedule)
    if checkpoints and (state := checkpoints.load()):
        run.restore(state)
    began = time.monotonic()
    validate_at = _validated_steps(total, per_epoch, settings) if validation else set()
    model.train()
    for batch in batches(usable, settings, start=len(run.losses), total=total):
        run.losses.append(_step(run, batch, settings))
        steps = len(run.losses)
        if steps in validate_at:
            run.validated(ranking(model, validation))
        elapsed = run.seconds + time.monotonic() - began
        progress("train", steps, total, _note(run))
        if run.without_gain() >= settings.patience or elapsed > settings.max_minutes * 60:
            break
        if checkpoints and steps < total and checkpoints.due():
            checkpoints.save(run.state(elapsed))
    if run.best and validation:
        if len(run.losses) not in validate_at:
            run.validated(ranking(model, validation))
        run.put(run.best)
    report = _report(run, total, run.seconds + time.monotonic() - began, costs)
    save_reader(model, out, settings.method, _about(usable, settings, report))
    return report


def _step(run: _Run, batch: Sequence[Sample], settings: FinetuneSettings) -> float:
    import torch

    total = 0.0
    for start in range(0, len(batch), _MICRO_BATCH):  # bounds the memory that a step needs
        part = batch[start : start + _MICRO_BATCH]
        loss = _loss(run.model, part) * (len(part) / len(batch))
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        total += loss.item()
    torch.nn.utils.clip_grad_norm_(run.weights().values(), 1.0)
    run.optimizer.step()
    run.optimizer.zero_grad()
    run.schedule.step()
    return total


def _note(run: _Run) -> str:
    last = run.validation[-1] if run.validation else {}
    return f"loss {run.losses[-1]:.3f}" + (f", validation {last['score']:.3f}" if last else "")


def _validated_steps(total: int, per_epoch: int, settings: FinetuneSettings) -> set[int]:
    """So many of an epoch, evenly, and the last one."""
    gap = max(1, round(per_epoch / settings.validations_per_epoch))
    return {*range(gap, total + 1, gap), total}


def _estimate(
    model: CrossEncoder, groups: Sequence[ReaderGroup], settings: FinetuneSettings, steps: int
) -> Estimate:
    rng = random.Random(settings.seed)
    chosen = rng.sample(groups, min(_ESTIMATED_FROM, len(groups)))
    sampled = [sample_of(group, settings.negatives, rng) for group in chosen]
    lengths = [
        encode(model, [(sample.question, text)])["input_ids"].shape[1]
        for sample in sampled
        for text in sample.texts
    ]
    per_question = sum(lengths) / len(sampled)
    return estimate(
        network_of(model),
        tokens=round(steps * min(settings.batch_questions, len(groups)) * per_question),
        batch_tokens=round(min(_MICRO_BATCH, settings.batch_questions) * per_question),
        sequence=round(sum(lengths) / len(lengths)),
    )


def _report(run: _Run, total: int, seconds: float, costs: Estimate) -> TrainReport:
    losses = run.losses
    tenth = max(1, len(losses) // 10)
    return TrainReport(
        steps=len(losses),
        seconds=round(seconds, 1),
        loss_first=round(sum(losses[:tenth]) / tenth, 4),
        loss_last=round(sum(losses[-tenth:]) / tenth, 4),
        trainable_parameters=costs.trained,
        stopped_early=len(losses) < total,
        validation=run.validation,
        kept_step=run.kept_step,
        estimate=asdict(costs),
    )


def _about(groups: Sequence[ReaderGroup], settings: FinetuneSettings, report: TrainReport) -> dict[str, Any]:
    """What the card says of the run."""
    return {
        "groups": len(groups),
        "data_hash": data_hash(groups),
        "settings": settings.model_dump(),
        "training": asdict(report),
    }


def _rate(step: int, total: int) -> float:
    warm = min(1.0, (step + 1) / max(1.0, _WARM_UP * total))
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, step / total)))
    return warm * (_LAST_RATE + (1 - _LAST_RATE) * cosine)


def _loss(model: CrossEncoder, samples: Sequence[Sample]) -> torch.Tensor:
    import torch
    from torch.nn import functional

    scores = logits(model, [(sample.question, text) for sample in samples for text in sample.texts])
    labels = torch.zeros_like(scores)
    ranks, start = [], 0
    for sample in samples:
        end = start + len(sample.texts)
        if sample.has_positive:
            labels[start] = 1
            ranks.append(-functional.log_softmax(scores[start:end], dim=0)[0])
        start = end
    binary = functional.binary_cross_entropy_with_logits(
        scores, labels, pos_weight=torch.tensor(_POSITIVE_WEIGHT, device=scores.device)
    )
    order = torch.stack(ranks).mean() if ranks else scores.sum() * 0
    return order + _BINARY_WEIGHT * binary
