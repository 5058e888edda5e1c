"""Next-token training from nothing, on packed windows, in bf16 where the processor has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.errors import InvalidInputError
from core.progress import Progress, silent
from finetune.pretraining.model import untrained
from finetune.pretraining.packing import Ids, Packed, order, rows
from finetune.pretraining.recipe import ModelRecipe, StepsRecipe
from finetune.pretraining.trainer import check_length, train

STAGE = "pretraining"


def pretrain(
    recipe: ModelRecipe, data: Packed, out: Path, *, minutes: float = 0, progress: Progress = silent
) -> Path:
    """The folder of the model in float32, which `out` holds with `pretraining.jsonl`. A run that was killed
    goes on from its last checkpoint bit by bit.

    `minutes` bound the run where the recipe names no tokens. Raises InvalidInputError where neither is given,
    or the data are too few.
    """
    check_length(recipe.pretraining, STAGE, minutes)
    windows = _Windows(data, recipe.pretraining)
    model = untrained(recipe.shape, data.tokenizer, recipe.pretraining.seed)
    key = f"{data.key} {recipe.pretraining_key()}"
    train(model, windows, recipe.pretraining, out, STAGE, key=key, minutes=minutes, progress=progress)
    folder = out / "pretrained"
    model.save_pretrained(str(folder))
    data.tokenizer.save_pretrained(str(folder))
    return folder


@dataclass
class _Windows:
    data: Packed
    recipe: StepsRecipe

    def __post_init__(self) -> None:
        self._windows = len(self.data.train) // self.recipe.window
        held_out = len(self.data.held_out) // self.recipe.window
        measured = min(self.recipe.measured_rows, held_out)
        if not self._windows or not measured:
            raise InvalidInputError(
                f"{len(self.data.train)} tokens to learn from and {len(self.data.held_out)} held out are too "
                f"few for windows of {self.recipe.window}."
            )
        self._measured: list[int] = np.linspace(0, held_out - 1, measured).astype(int).tolist()

    def batches(self, step: int) -> Iterator[tuple[float, Any]]:
        numbers = order(self._windows, self.recipe.seed, step, self.recipe.batch)
        return self._at_once(self.data.train, numbers)

    def loss(self, network: Any, batch: Any) -> torch.Tensor:
        ids = batch.to(next(network.parameters()).device)
        loss: torch.Tensor = network(input_ids=ids, labels=ids).loss
        return loss

    def measured(self, network: Any) -> dict[str, float]:
        batches = self._at_once(self.data.held_out, self._measured)
        return {"held_out_loss": sum(share * float(self.loss(network, batch)) for share, batch in batches)}

    def _at_once(self, ids: Ids, numbers: Sequence[int]) -> Iterator[tuple[float, Any]]:
        for start in range(0, len(numbers), self.recipe.micro_batch):
            some = numbers[start : start + self.recipe.micro_batch]
            yield len(some) / len(numbers), torch.from_numpy(rows(ids, some, self.recipe.window))
