"""Tunes an encoder-decoder on prompts as they are served, by transformers' Seq2SeqTrainer.

The encoder reads the prompt, the decoder learns the completion; labels are padded with -100. Token ids come
ready-made (`finetune/generating_data.py`), so that training and serving cannot render differently.
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
from finetune.recipes.recipe import SEQ2SEQ, Recipe
from finetune.recipes.training import Trained

if TYPE_CHECKING:
    from core.models.local import LocalModel


def train_seq2seq(
    local: LocalModel,
    examples: Sequence[Example],
    held_out: Sequence[Example],
    *,
    out: Path,
    checkpoints: Path,
    recipe: Recipe = SEQ2SEQ,
    progress: Progress = silent,
) -> Trained:
    """Trains the model, which is changed, and writes the best weights by `held_out` into `out`, the last ones
    where that is empty. What a killed run left in `checkpoints` is gone on from.

    Raises InvalidInputError where there is nothing to learn.
    """
    from transformers import DataCollatorForSeq2Seq, Seq2SeqTrainer, Seq2SeqTrainingArguments

    check_ends(examples, local.tokenizer.eos_token_id)
    keep_freed_memory()
    model = training.trainable(local, recipe)
    plan = training.planned(model, examples, recipe, progress)
    trainer = training.judged_by_task(Seq2SeqTrainer, local, recipe, examples, held_out, progress)(
        model=model,
        args=Seq2SeqTrainingArguments(
            **training.arguments(recipe, plan, checkpoints, measured=bool(held_out))
        ),
        data_collator=DataCollatorForSeq2Seq(
            local.tokenizer, label_pad_token_id=-100, pad_to_multiple_of=training.PAD_TO
        ),
        train_dataset=_rows(examples),
        eval_dataset=_rows(held_out) if held_out else None,
        processing_class=local.tokenizer,
        callbacks=training.callbacks(recipe, held_out, progress),
    )
    return training.run(trainer, plan, local, out)


def _rows(examples: Sequence[Example]) -> Any:
    from datasets import Dataset

    prompts = [[*example.prompt] for example in examples]
    return Dataset.from_dict(
        {
            "input_ids": prompts,
            "attention_mask": [[1] * len(prompt) for prompt in prompts],
            "labels": [[*example.completion] for example in examples],
        }
    )
