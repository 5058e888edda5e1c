"""A pretrained model -> one that answers from passages: full tuning on prompts as they are served."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from core.models.encoding import PromptEncoder, prompt_of
from core.models.local import LocalModel
from core.progress import Progress, silent
from core.prompts import NOT_COVERED
from finetune.pretraining.casing import Casing
from finetune.pretraining.corpus import corpus_hash, documents, share_of
from finetune.pretraining.items import Item, documentation_items, nqg_items, practice_items
from finetune.pretraining.lesson_rows import Rows, logits_of, loss_of, parts_of, rows_of
from finetune.pretraining.lessons import LessonMaker, bank_questions
from finetune.pretraining.recipe import ModelRecipe, TuningRecipe
from finetune.pretraining.trainer import check_length, train

STAGE = "tuning"
_STEPS = 8  # of a block
_LAST = 2**31  # block, which no run comes to
_AHEAD = 2  # blocks that each process makes ahead
Items = dict[str, list[Item]]  # by source


def items_of(recipe: ModelRecipe, corpus: Path, nqg: Path, progress: Progress = silent) -> Items:
    """Every question by its source, those that are held out among them. Raises InvalidInputError."""
    found = list(documents(corpus, recipe.corpus))
    seed = recipe.tuning.seed
    casing = Casing.of(document.text for document in found if not document.held_out)
    found.sort(key=lambda document: share_of(f"{seed} {document.path}"))
    progress("collect questions", 0, 3)
    sources = {"encyclopedia": nqg_items(nqg, casing, seed)}
    progress("collect questions", 1, 3)
    sources["documentation"] = documentation_items(found[: recipe.tuning.documents], seed)
    progress("collect questions", 2, 3)
    sources["practice"] = practice_items()
    progress("collect questions", 3, 3)
    return sources


def tune(
    recipe: ModelRecipe,
    corpus: Path,
    nqg: Path,
    out: Path,
    *,
    minutes: float = 0,
    progress: Progress = silent,
) -> Path:
    """Tunes `out/pretrained` into `out/tuned`, both in float32, and tells how in `out/tuning.jsonl`. A run
    that was killed goes on from its last checkpoint bit by bit.

    `minutes` bound the run where the recipe names no tokens. Raises InvalidInputError where neither is given.
    """
    check_length(recipe.tuning, STAGE, minutes)
    local = LocalModel.load(str(out / "pretrained"))
    prompt = prompt_of("auto", 0, local.tokenizer, encoder_decoder=False)
    encoder = PromptEncoder(local.tokenizer, prompt, False)
    lessons = _Lessons(items_of(recipe, corpus, nqg, progress), encoder, recipe.tuning)
    data = [
        corpus_hash(corpus, recipe.corpus),
        *map(_digest, (nqg, out / "pretrained" / "model.safetensors")),
    ]
    key = f"{data} {recipe.tuning_key()}"
    model = local.model.float()
    with closing(lessons):
        train(model, lessons, recipe.tuning, out, STAGE, key=key, minutes=minutes, progress=progress)
    folder = out / "tuned"
    model.save_pretrained(str(folder))
    local.tokenizer.save_pretrained(str(folder))
    return folder


def _digest(file: Path) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass
class _Lessons(Dataset[Rows]):
    """The rows of a block of steps, by its number alone: rows that are filled together hold more."""

    items: Items
    encoder: PromptEncoder
    recipe: TuningRecipe

    def __post_init__(self) -> None:
        self._maker = self._made_of(held_out=False)
        judging = self.recipe.model_copy(update={"shares": {"asked": 1.0}})
        held_out = self._made_of(held_out=True, recipe=judging)
        self._measured = self._rows(held_out, "held out", self.recipe.measured_rows)
        self._blocks: Iterator[tuple[int, Rows]] | None = None
        self._block = (-1, self._measured)

    def __getitem__(self, block: int) -> Rows:
        return self._rows(self._maker, f"block {block}", _STEPS * self.recipe.batch)

    def batches(self, step: int) -> Iterator[tuple[float, Any]]:
        """Other processes make the rows of the next blocks meanwhile, where the recipe says so."""
        block, place = divmod(step, _STEPS)
        if self._blocks is None:
            self._blocks = self._from(block)
        while self._block[0] != block:
            self._block = next(self._blocks)
        first = place * self.recipe.batch
        return parts_of(self._block[1].part(first, first + self.recipe.batch), self.recipe.micro_batch)

    def _from(self, first: int) -> Iterator[tuple[int, Rows]]:
        workers, numbers = self.recipe.lesson_workers, range(first, _LAST)
        if not workers:
            return ((number, self[number]) for number in numbers)
        loaded = DataLoader(
            self, batch_size=None, sampler=numbers, num_workers=workers, prefetch_factor=_AHEAD
        )
        return zip(numbers, loaded, strict=False)

    def close(self) -> None:
        """Ends the processes beside."""
        self._blocks = None

    def loss(self, network: Any, batch: Any) -> torch.Tensor:
        return loss_of(logits_of(network, batch), batch)

    def measured(self, network: Any) -> dict[str, float]:
        """`*_exact`: the share of completions that greedy decoding would write word for word."""
        held_out_loss, exact = 0.0, dict[bool, list[bool]]({True: [], False: []})
        for share, batch in parts_of(self._measured, self.recipe.micro_batch):
            logits = logits_of(network, batch)
            held_out_loss += share * float(loss_of(logits, batch))
            for declined, right in self._greedy(logits.argmax(-1).cpu().numpy(), batch):
                exact[declined].append(right)
        return {
            "held_out_loss": held_out_loss,
            "answers_exact": _share(exact[False]),
            "refusals_exact": _share(exact[True]),
        }

    def _greedy(self, chosen: Any, rows: Rows) -> Iterator[tuple[bool, bool]]:
        """(whether it is a refusal, whether its tokens are the likeliest ones) of each completion."""
        refusal = tuple(self.encoder.completion_ids(NOT_COVERED))
        for row in range(len(rows)):
            places: dict[tuple[int, int], list[int]] = {}
            for at in (rows.weights[row] == 1.0).nonzero()[0].tolist():
                places.setdefault((rows.lesson[row, at], rows.branch[row, at]), []).append(at)
            for written in places.values():
                wanted = rows.following[row, written]
                yield tuple(wanted.tolist()) == refusal, bool((chosen[row, written] == wanted).all())

    def _made_of(self, *, held_out: bool, recipe: TuningRecipe | None = None) -> LessonMaker:
        kept = {
            name: [item for item in found if item.held_out == held_out] for name, found in self.items.items()
        }
        off_topic = bank_questions(held_out=held_out)
        return LessonMaker(kept, self.encoder, recipe or self.recipe, off_topic)

    def _rows(self, maker: LessonMaker, name: str, count: int) -> Rows:
        lessons = maker.make(f"{self.recipe.seed} {name}")
        pad = self.encoder.tokenizer.pad_token_id
        return rows_of(lessons, count, self.recipe.window, self.recipe.read_weight, pad)


def _share(found: list[bool]) -> float:
    return sum(found) / len(found) if found else 0.0
