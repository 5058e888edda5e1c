"""How well a reader reads groups that it was not trained on: the task's metric, which chooses its weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from finetune.recipes.groups import ReaderGroup
from finetune.recipes.reader_model import logits

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

_NEGATIVES = 8  # of a group, the hardest


def ranking(model: CrossEncoder, groups: Sequence[ReaderGroup]) -> dict[str, float]:
    """`first` and `reciprocal_rank` are of the best positive, over groups that have one; `told_apart` is how
    often the best text of one with a positive scores above that of one without (the area under the curve);
    `score` is the mean of the last two.
    """
    import torch

    model.train(False)
    firsts, reciprocal, best, best_without = [], [], [], []
    with torch.inference_mode():
        texts = [[*group.positives, *group.negatives[:_NEGATIVES]] for group in groups]
        pairs = [(group.question, text) for group, own in zip(groups, texts, strict=True) for text in own]
        every = iter(logits(model, pairs).tolist() if pairs else [])
        for group, own in zip(groups, texts, strict=True):
            scores = [next(every) for _ in own]
            if not group.positives:
                best_without.append(max(scores))
                continue
            right = max(scores[: len(group.positives)])
            above = sum(score >= right for score in scores[len(group.positives) :])
            firsts.append(above == 0)
            reciprocal.append(1 / (1 + above))
            best.append(max(scores))
    model.train()
    figures = {}
    if firsts:
        figures = {"first": sum(firsts) / len(firsts), "reciprocal_rank": sum(reciprocal) / len(reciprocal)}
    if best and best_without:
        told = [(one > other) + 0.5 * (one == other) for one in best for other in best_without]
        figures["told_apart"] = sum(told) / len(told)
    parts = [figures[name] for name in ("reciprocal_rank", "told_apart") if name in figures]
    return {
        **{name: round(value, 4) for name, value in figures.items()},
        "score": round(sum(parts) / max(1, len(parts)), 4),
    }
