"""A folder of `*.jsonl.xz` files, `{path, text}` a line -> documents to learn from, and held-out ones."""

from __future__ import annotations

import hashlib
import json
import lzma
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import InvalidInputError
from finetune.pretraining.recipe import CorpusRecipe

_FRONT_MATTER = re.compile(r"\A---\r?\n.*?\r?\n---\r?\n", re.DOTALL)
_SENTENCE_LINE = re.compile(r"^[ >*\-\d.]*[A-Z\"'(“`*\[].*\s.*\s.*\s.*[.?!:][\"')”*`]*$")
_BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class Document:
    path: str
    text: str
    held_out: bool


def files_of(folder: Path, recipe: CorpusRecipe) -> list[Path]:
    """Raises InvalidInputError where there is nothing to learn from."""
    files = [path for path in sorted(folder.glob("*.jsonl.xz")) if not path.name.startswith(recipe.left_out)]
    if not files:
        raise InvalidInputError(f"{folder} holds no *.jsonl.xz file to learn from.")
    return files


def corpus_hash(folder: Path, recipe: CorpusRecipe) -> str:
    """Of the files' bytes and of the choice among their documents."""
    digest = hashlib.sha256(recipe.model_dump_json(exclude={"vocabulary", "tokenizer_share"}).encode())
    for file in files_of(folder, recipe):
        digest.update(file.name.encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def documents(folder: Path, recipe: CorpusRecipe) -> Iterator[Document]:
    """In a fixed order. Which are held out depends on their path alone: more data moves none across."""
    for file in files_of(folder, recipe):
        with lzma.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                text = cleaned(row["text"])
                if _is_prose(text, recipe):
                    yield Document(row["path"], text, share_of(row["path"]) < recipe.held_out_share)


def cleaned(text: str) -> str:
    """Without front matter, carriage returns and runs of empty lines."""
    text = _FRONT_MATTER.sub("", text).replace("\r\n", "\n").replace("\u00a0", " ")
    return _BLANK_LINES.sub("\n\n", text).strip()


def share_of(name: str) -> float:
    """A number from 0 to 1 that is a name's own."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) / 2**32


def sentence_lines(text: str) -> list[str]:
    """The lines that are whole sentences."""
    return [line.strip() for line in text.split("\n") if _SENTENCE_LINE.match(line.strip())]


def _is_prose(text: str, recipe: CorpusRecipe) -> bool:
    prose = sentence_lines(text)
    words = sum(len(line.split()) for line in prose)
    return words >= recipe.fewest_words and sum(map(len, prose)) >= recipe.prose_share * len(text)
