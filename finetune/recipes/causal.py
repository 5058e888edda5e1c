"""Tunes a causal model on prompts as they are served, by TRL's SFTTrainer.

The loss is of completions alone, and logits are computed only where it is taken. Token ids come ready-made
(`finetune/generating_data.py`), so that training and serving cannot render differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.models.heaps import keep_freed_memory
from core.progress import Progress, silent
from finetune.generating_data import Example
from finetune.recipes import training
from finetune.recipes.plan import check_ends
from finetune.recipes.recipe import CAUSAL, Recipe
from finetune.recipes.training import Trained

if TYPE_CHECKING:
    from core.models.local import LocalModel


def train_causal(
    local: LocalModel,
    examples: Sequence[Example],
    held_out: Sequence[Example],
    *,
    out: Path,
    checkpoints: Path,
    recipe: Recipe = CAUSAL,
    progress: Progress = silent,
) -> Trained:
    """Trains the model, which is changed, and writes the best weights by `held_out` into `out`, the last ones
    where that is empty. What a killed run left in `checkpoints` is gone on from.

    Raises InvalidInputError where there is nothing to learn.
    """
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    check_ends(examples, local.tokenizer.eos_token_id)
    keep_freed_memory()
    if local.tokenizer.pad_token_id is None:
        local.tokenizer.pad_token = local.tokenizer.eos_token  # padding carries no label
    model = training.trainable(local, recipe)
    plan = training.planned(model, examples, recipe, progress)
    trainer = training.judged_by_task(SFTTrainer, local, recipe, examples, held_out, progress)(
        model=model,
        args=SFTConfig(
            **training.arguments(recipe, plan, checkpoints, measured=bool(held_out)),
            max_length=None,  # cut already, where no question is hurt
            pad_to_multiple_of=training.PAD_TO,
            dataset_kwargs={"skip_prepare_dataset": True},
        ),
        train_dataset=_rows(examples),
        eval_dataset=_rows(held_out) if held_out else None,
        processing_class=local.tokenizer,
        callbacks=training.callbacks(recipe, held_out, progress),
    )
    return training.run(trainer, plan, local, out)


def _rows(examples: Sequence[Example]) -> Any:
    from datasets import Dataset

    whole = [[*example.prompt, *example.completion] for example in examples]
    labels = [[-100] * len(example.prompt) + [*example.completion] for example in examples]
    return Dataset.from_dict({"input_ids": whole, "labels": labels})
