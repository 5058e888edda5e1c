"""Made-up chunks in any number: words as often as in the practice handbooks, vectors around theirs.

Block b of the corpus depends on the seed and b alone, so that any part of it can be made again.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from core.interfaces import Embedder, FloatMatrix
from core.types import Chunk, Document

PRACTICE = Path(__file__).parents[2] / "finetune" / "practice"
CHUNKS_OF_A_DOCUMENT = 20
_BLOCK = 5_000  # chunks that are made at a time
_WORDS = 60, 160  # of a chunk: the fewest and the most
_SENTENCE = 14  # words
_RARE = 2  # words or ids of the growing tail in a chunk, half of them seen before
_CENTRES = 4_000  # at most
_SPREAD = 0.6  # length of a chunk's step away from its centre, whose length is 1
_SYLLABLES = ("ka", "ro", "mi", "tel", "vo", "san", "du", "rix", "pa", "nor", "be", "lum", "qui", "zet")


@dataclass(frozen=True, slots=True)
class Corpus:
    """What the made-up chunks are drawn from; make it with `practice_corpus`."""

    words: NDArray[np.str_]
    cumulative: NDArray[np.float64]  # cumulative shares of `words`
    centres: FloatMatrix  # (m, dimension), each of length 1
    spread: FloatMatrix  # (dimension, dimension): normal deviates times it vary as the centres do
    seed: int
    block_chunks: int = _BLOCK  # a multiple of CHUNKS_OF_A_DOCUMENT

    def block(self, number: int) -> Iterator[tuple[Document, list[Chunk], FloatMatrix]]:
        """The documents of block `number` with their chunks and (chunks, dimension) float32 vectors."""
        vectors = self.vectors(number)
        draw = np.random.default_rng([self.seed, number, 1])
        texts = self._texts(draw, number * self.block_chunks)
        for first in range(0, self.block_chunks, CHUNKS_OF_A_DOCUMENT):
            name = _name(number * self.block_chunks + first)
            title = " ".join(texts[first].split()[:3])
            document = Document(name, f"made-up/{name}.md", title, "", name)
            part = texts[first : first + CHUNKS_OF_A_DOCUMENT]
            chunks = [_chunk(document, ordinal, text) for ordinal, text in enumerate(part)]
            yield document, chunks, vectors[first : first + CHUNKS_OF_A_DOCUMENT]

    def vectors(self, number: int) -> FloatMatrix:
        """(block_chunks, dimension) float32 of block `number`, each of length 1, in the chunks' order."""
        draw = np.random.default_rng([self.seed, number, 0])
        centres = self.centres[draw.integers(len(self.centres), size=self.block_chunks)]
        steps = (
            draw.standard_normal((self.block_chunks, self.centres.shape[1]), dtype=np.float32) @ self.spread
        )
        return _normalized(centres + _SPREAD * steps)

    def _texts(self, draw: Generator, before: int) -> list[str]:
        lengths = draw.integers(_WORDS[0], _WORDS[1] + 1, size=self.block_chunks)
        places = np.searchsorted(self.cumulative, draw.random(int(lengths.sum())))
        words: list[str] = self.words[np.minimum(places, len(self.words) - 1)].tolist()
        ends = np.cumsum(lengths).tolist()
        starts = [0, *ends[:-1]]
        texts = []
        for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
            part = words[start:end]
            for place in draw.integers(len(part), size=_RARE):
                part[place] = _rare_word(draw, before + number)
            texts.append(_sentences(part))
        return texts


def practice_corpus(embedder: Embedder, seed: int = 13, block_chunks: int = _BLOCK) -> Corpus:
    """Word shares of the practice handbooks, and the embeddings of their paragraphs as centres."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(PRACTICE.glob("*/docs/**/*.md"))]
    counts = Counter(word for text in texts for word in re.findall(r"[^\W_]+", text.lower()))
    words, shares = zip(*sorted(counts.items()), strict=True)
    paragraphs = [part for text in texts for part in text.split("\n\n") if len(part.split()) >= 12]
    chosen = np.random.default_rng(seed).permutation(len(paragraphs))[:_CENTRES]
    centres = embedder.embed([paragraphs[place] for place in chosen])
    cumulative = np.cumsum(shares) / np.sum(shares)
    return Corpus(np.array(words), cumulative, centres, _spread(centres), seed, block_chunks)


def practice_questions(count: int, seed: int = 13) -> list[str]:
    """`count` distinct questions that people ask of the practice handbooks."""
    lines = (
        line
        for path in sorted(PRACTICE.glob("*/questions.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    )
    rows = (json.loads(line) for line in lines)
    questions = sorted({row["question"] for row in rows if row["kind"] == "answerable"})
    chosen = np.random.default_rng(seed).permutation(len(questions))[:count]
    return [questions[place] for place in chosen]


def _spread(centres: FloatMatrix) -> FloatMatrix:
    """Its rows are the centres' principal directions, scaled so that a step has length 1 on average.

    A step that went in all directions alike would make all of a cluster equally far from each other, which
    no text does and no approximate search can order.
    """
    _, lengths, directions = np.linalg.svd(centres - centres.mean(axis=0), full_matrices=False)
    scaled: FloatMatrix = (lengths / np.linalg.norm(lengths))[:, None] * directions
    dimension = centres.shape[1]
    square = np.zeros((dimension, dimension), np.float32)
    square[: len(scaled)] = scaled
    return square


def _normalized(matrix: FloatMatrix) -> FloatMatrix:
    normalized: FloatMatrix = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    return normalized


def chunk_id(position: int) -> str:
    """Of the chunk at this position of the corpus, from 0."""
    ordinal = position % CHUNKS_OF_A_DOCUMENT
    return f"{_name(position - ordinal)}-{ordinal}"


def _name(position: int) -> str:
    return f"{position:09d}"


def _rare_word(draw: Generator, position: int) -> str:
    """New at this position of the corpus, or as likely one of any earlier position: an id or a name."""
    number = position if draw.random() < 0.5 else int(draw.integers(position + 1))
    if number % 2:
        return f"ERR-{number}"
    name = ""
    for _ in range(6):
        number, syllable = divmod(number, len(_SYLLABLES))
        name += _SYLLABLES[syllable]
    return name


def _sentences(words: list[str]) -> str:
    parts = (" ".join(words[first : first + _SENTENCE]) for first in range(0, len(words), _SENTENCE))
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in parts)


def _chunk(document: Document, ordinal: int, text: str) -> Chunk:
    heading = " ".join(text.split()[3:5])
    return Chunk(
        chunk_id(int(document.id) + ordinal),
        document.id,
        document.source,
        document.title,
        (heading,),
        text,
        ordinal,
        len(text.split()),
    )
