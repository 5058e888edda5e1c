"""LoRA-tunes the reader on groups of one question with texts that answer it and texts that do not.

The loss is the softmax cross-entropy of a positive within its group, which teaches the order, plus binary
cross-entropy on every text, which teaches an absolute probability and lets a group without a positive teach
declining. Measured on two cores: no dropout (its random numbers cost as much as the model), bfloat16
autocast, batches of like length in micro-batches, padded to multiples of 8.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from core.errors import InvalidInputError
from core.models.embedder import PACKAGED_NAME
from core.models.reader import format_hash, new_cross_encoder
from core.progress import Progress, silent
from core.settings import FinetuneSettings

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from sentence_transformers import CrossEncoder
    from transformers import PreTrainedModel

LORA_RANK = 32
LORA_TARGETS = [
    "query",
    "key",
    "value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
    "pooler.dense",
]
_MICRO_BATCH = 8  # questions, each with its texts
_WARM_UP = 0.06
_SAVE_EVERY_S = 240  # a run that is cut off leaves the weights of its last save
_LAST_RATE = 0.05  # share of the learning rate that the cosine ends at
_BINARY_WEIGHT = 0.5
_POSITIVE_WEIGHT = 3.0  # in the binary part: a group has about this many times more negatives than it should


@dataclass(frozen=True, slots=True)
class ReaderGroup:
    """One question; `positives` may be empty: then nothing here answers it."""

    question: str
    positives: tuple[str, ...]
    negatives: tuple[str, ...]  # hardest first


@dataclass(frozen=True, slots=True)
class TrainReport:
    steps: int
    seconds: float
    loss_first: float  # mean of the first tenth of the steps
    loss_last: float  # mean of the last tenth
    trainable_parameters: int
    stopped_early: bool


def train_reader(
    groups: Sequence[ReaderGroup],
    *,
    base_adapter: Path | None,
    out: Path,
    settings: FinetuneSettings,
    max_tokens: int = 160,
    progress: Progress = silent,
) -> TrainReport:
    """Trains from `base_adapter` (None: a fresh adapter) and writes the adapter and its card into `out`.

    Raises InvalidInputError where there is no group with a positive to learn from.
    """
    import torch

    from core.models.heaps import keep_freed_memory

    usable = [group for group in groups if group.positives or group.negatives]
    if not any(group.positives for group in usable):
        raise InvalidInputError("There is nothing to train on: no question has a text that answers it.")
    keep_freed_memory()
    torch.manual_seed(settings.seed)
    rng = random.Random(settings.seed)
    model = _trainable(base_adapter, max_tokens)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    per_epoch = math.ceil(len(usable) / settings.batch_questions)
    total = max(1, round(per_epoch * settings.epochs))
    optimizer = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, total))
    started, losses = time.monotonic(), []
    model.train()
    saved = started
    for batch in _batches(usable, settings.batch_questions, total, rng):
        samples = [_sample(group, settings.negatives, rng) for group in batch]
        step_loss = 0.0
        for start in range(0, len(samples), _MICRO_BATCH):  # bounds the memory that a step needs
            part = samples[start : start + _MICRO_BATCH]
            loss = _loss(model, part) * (len(part) / len(samples))
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            step_loss += loss.item()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        losses.append(step_loss)
        progress("train", len(losses), total)
        now = time.monotonic()
        if now - started > settings.max_minutes * 60:
            break
        if now - saved > _SAVE_EVERY_S:
            _save(model, out, usable, settings, _report(losses, total, now - started, parameters))
            saved = now
    report = _report(losses, total, time.monotonic() - started, parameters)
    _save(model, out, usable, settings, report)
    return report


def _report(
    losses: Sequence[float], total: int, seconds: float, parameters: Sequence[torch.nn.Parameter]
) -> TrainReport:
    tenth = max(1, len(losses) // 10)
    return TrainReport(
        steps=len(losses),
        seconds=round(seconds, 1),
        loss_first=round(sum(losses[:tenth]) / tenth, 4),
        loss_last=round(sum(losses[-tenth:]) / tenth, 4),
        trainable_parameters=sum(parameter.numel() for parameter in parameters),
        stopped_early=len(losses) < total,
    )


def _trainable(base_adapter: Path | None, max_tokens: int) -> CrossEncoder:
    """MiniLM with the adapter's weights to train on, its own weights frozen, dropout off."""
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model

    encoder = new_cross_encoder()
    encoder.max_length = max_tokens
    network = network_of(encoder)
    if base_adapter is None:
        config = LoraConfig(
            r=LORA_RANK,
            lora_alpha=2 * LORA_RANK,
            target_modules=LORA_TARGETS,
            modules_to_save=["classifier"],
            task_type="SEQ_CLS",
        )
        encoder[0].model = get_peft_model(cast("PreTrainedModel", network), config)
    else:
        encoder[0].model = PeftModel.from_pretrained(network, str(base_adapter), is_trainable=True)
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return encoder


def network_of(encoder: CrossEncoder) -> torch.nn.Module:
    """The transformers model inside a cross-encoder."""
    return cast("torch.nn.Module", encoder[0].model)


def _rate(step: int, total: int) -> float:
    warm = min(1.0, (step + 1) / max(1.0, _WARM_UP * total))
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, step / total)))
    return warm * (_LAST_RATE + (1 - _LAST_RATE) * cosine)


def _batches(
    groups: Sequence[ReaderGroup], size: int, total: int, rng: random.Random
) -> Iterator[list[ReaderGroup]]:
    """`total` batches over shuffled epochs, each of groups of like length."""
    made = 0
    while made < total:
        order = list(groups)
        rng.shuffle(order)
        for block_start in range(0, len(order), size * 40):
            block = sorted(order[block_start : block_start + size * 40], key=_length)
            batches = [block[start : start + size] for start in range(0, len(block), size)]
            rng.shuffle(batches)
            for batch in batches:
                if made == total:
                    return
                made += 1
                yield batch


def _length(group: ReaderGroup) -> int:
    return len(group.question) + len((group.positives or group.negatives)[0])


@dataclass(frozen=True, slots=True)
class _Sample:
    question: str
    texts: list[str]  # the positive first, where there is one
    has_positive: bool


def _sample(group: ReaderGroup, negatives: int, rng: random.Random) -> _Sample:
    """One positive and some negatives, the harder ones likelier; another draw each epoch."""
    weighted = sorted(
        range(len(group.negatives)), key=lambda rank: rng.random() ** (1 + rank / 6), reverse=True
    )
    chosen = [group.negatives[rank] for rank in weighted[:negatives]]
    first = [rng.choice(group.positives)] if group.positives else []
    return _Sample(group.question, [*first, *chosen], bool(first))


def _loss(model: CrossEncoder, samples: Sequence[_Sample]) -> torch.Tensor:
    import torch
    from torch.nn import functional

    logits = _logits(model, [(sample.question, text) for sample in samples for text in sample.texts])
    labels = torch.zeros_like(logits)
    ranking, start = [], 0
    for sample in samples:
        end = start + len(sample.texts)
        if sample.has_positive:
            labels[start] = 1
            ranking.append(-functional.log_softmax(logits[start:end], dim=0)[0])
        start = end
    binary = functional.binary_cross_entropy_with_logits(
        logits, labels, pos_weight=torch.tensor(_POSITIVE_WEIGHT)
    )
    order = torch.stack(ranking).mean() if ranking else logits.sum() * 0
    return order + _BINARY_WEIGHT * binary


def _logits(model: CrossEncoder, pairs: Sequence[tuple[str, str]]) -> torch.Tensor:
    """(n,) float32; padded to a multiple of 8, because each new shape costs a compilation."""
    import torch

    encoded = model.tokenizer(
        [question for question, _ in pairs],
        [text for _, text in pairs],
        padding=True,
        pad_to_multiple_of=8,
        truncation="only_second",
        max_length=model.max_length,
        return_tensors="pt",
    )
    with torch.autocast("cpu", torch.bfloat16):
        logits: torch.Tensor = network_of(model)(**encoded).logits
    return logits.view(-1).float()


def data_hash(groups: Sequence[ReaderGroup]) -> str:
    digest = hashlib.sha256()
    for group in groups:
        digest.update(json.dumps([group.question, group.positives, group.negatives]).encode())
    return digest.hexdigest()[:16]


def _save(
    model: CrossEncoder,
    out: Path,
    groups: Sequence[ReaderGroup],
    settings: FinetuneSettings,
    report: TrainReport,
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    network = cast("PeftModel", network_of(model))
    network.peft_config["default"].base_model_name_or_path = PACKAGED_NAME  # no path of this machine
    network.save_pretrained(str(out), save_embedding_layers=False)
    (out / "README.md").unlink(missing_ok=True)  # an empty template that peft writes
    card: dict[str, Any] = {
        "kind": "reader",
        "base": PACKAGED_NAME,
        "input_format": format_hash(),
        "groups": len(groups),
        "data_hash": data_hash(groups),
        "settings": settings.model_dump(),
        "training": asdict(report),
    }
    (out / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
