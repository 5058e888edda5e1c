"""Documents -> one row of token ids on disk, an end mark behind each; read by windows in a seeded order.

Both the tokenizer and the tokens are kept in a cache folder under the hash of what they were made from.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InvalidInputError
from core.models.adapter_card import tokenizer_fingerprint
from core.progress import Progress, silent
from core.prompts import broken_up
from finetune.pretraining.corpus import Document, corpus_hash, documents, share_of
from finetune.pretraining.recipe import CorpusRecipe
from finetune.pretraining.tokenizer import END, PAD, load_tokenizer, train_tokenizer

_AT_ONCE = 256  # documents that are tokenized together, by all cores
Ids = np.ndarray[Any, np.dtype[np.uint16]]


@dataclass(frozen=True, slots=True)
class Packed:
    """`train` and `held_out` are memory-mapped, `(tokens,) uint16`; `key` names what they were made from."""

    train: Ids
    held_out: Ids
    tokenizer: Any
    key: str


def packed(
    folder: Path, recipe: CorpusRecipe, *, context: int, cache: Path, progress: Progress = silent
) -> Packed:
    """From the cache, or made now. Raises InvalidInputError where there is too little text."""
    source = corpus_hash(folder, recipe)
    tokenizer = _tokenizer(folder, recipe, context, cache, source, progress)
    key = hashlib.sha256(f"{source} {tokenizer_fingerprint(tokenizer)}".encode()).hexdigest()[:16]
    place = cache / f"tokens-{key}"
    if not place.is_dir():
        with _whole(place) as unfinished:
            _pack(documents(folder, recipe), tokenizer, unfinished, progress)
    train, held_out = (_mapped(place / f"{name}.bin") for name in ("train", "held_out"))
    return Packed(train, held_out, tokenizer, key)


def _tokenizer(
    folder: Path, recipe: CorpusRecipe, context: int, cache: Path, source: str, progress: Progress
) -> Any:
    told = f"{source} {recipe.vocabulary} {recipe.tokenizer_share} {context}"
    place = cache / f"tokenizer-{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    if not place.is_dir():
        progress("train the tokenizer", 0, 1)
        texts = (
            document.text
            for document in documents(folder, recipe)
            if not document.held_out and share_of(f"tokenizer {document.path}") < recipe.tokenizer_share
        )
        with _whole(place) as unfinished:
            train_tokenizer(texts, recipe.vocabulary, context).save_pretrained(str(unfinished))
        progress("train the tokenizer", 1, 1)
    return load_tokenizer(place)


@contextmanager
def _whole(place: Path) -> Iterator[Path]:
    """A folder that gets its name only when it is complete, so that a killed run leaves no half of one."""
    unfinished = place.with_name(f"{place.name}.{os.getpid()}")
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        os.replace(unfinished, place)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _pack(found: Iterable[Document], tokenizer: Any, place: Path, progress: Progress) -> None:
    done, left = 0, iter(found)
    with open(place / "train.bin", "wb") as train, open(place / "held_out.bin", "wb") as held_out:
        for some in iter(lambda: list(islice(left, _AT_ONCE)), []):
            texts = [broken_up(document.text, (END, PAD)) for document in some]
            for document, ids in zip(some, tokenizer(texts, verbose=False)["input_ids"], strict=True):
                row = np.array([*ids, tokenizer.eos_token_id], dtype=np.uint16)
                (held_out if document.held_out else train).write(row.tobytes())
            done += len(some)
            progress("tokenize documents", done, 0)


def _mapped(file: Path) -> Ids:
    if not file.stat().st_size:
        raise InvalidInputError(f"There is too little text: {file.stem} holds no document.")
    return np.memmap(file, dtype=np.uint16, mode="r")


def rows(ids: Ids, numbers: Sequence[int], window: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The windows of those numbers, `(len(numbers), window) int64`."""
    return np.stack([ids[number * window : (number + 1) * window] for number in numbers]).astype(np.int64)


def order(windows: int, seed: int, step: int, batch: int) -> list[int]:
    """The windows of a step, a function of seed and step alone: every epoch is another permutation, and a
    batch may span two.
    """
    places = range(step * batch, (step + 1) * batch)
    epochs = {place // windows for place in places}
    permutations = {epoch: np.random.default_rng([seed, epoch]).permutation(windows) for epoch in epochs}
    return [int(permutations[place // windows][place % windows]) for place in places]
