"""Question-answer data that exist already -> pairs with evidence in the documents, and back.

files, data sets -> rows -> questions with answers -> kind by the wording -> evidence in the index -> QAPair

An answer that the documents do not hold sentence by sentence is kept without evidence and counted. Nothing
that answers from passages can learn from it, nor can it be checked, so that `retrain` leaves it out.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import InvalidInputError
from core.progress import Progress, silent
from core.settings import AssistantSettings, Settings
from core.types import Chunk, Evidence, QAPair
from finetune import datasets, rows
from finetune.evidence import Place, Support
from finetune.formats import KEEP_HISTORY, Format, Raw, UnusableRowError, format_of, read_row, write_row

if TYPE_CHECKING:
    from core.index.index import Index

REPEATED = "same question and answer as an earlier one"
UNGROUNDED = "answer not in the documents"
NEEDS_HISTORY = "not understood without its conversation, which the format lacks"
METHOD = "import"
_SEARCHED = 20  # passages in which the evidence of an answer is looked for
_SAMPLE = 8
_SHARED = 10  # questions with one answer from which on it is told
_FOREIGN = (".csv", ".tsv", ".json")


@dataclass(frozen=True, slots=True)
class ImportReport:
    dataset: Path
    form: Format
    rows: int
    formats: dict[str, int]  # format -> rows read in it
    kinds: dict[str, int]  # kind -> pairs written
    grounded: int  # of those to be answered
    ungrounded: int
    dropped: dict[str, int]  # reason -> rows or questions
    shared_answers: dict[str, int]  # answers to many questions, which may be ways to decline -> questions
    sample: list[QAPair]

    def to_json(self) -> dict[str, Any]:
        """The JSON of `import-qa`."""
        return {
            "dataset": str(self.dataset),
            "format": self.form,
            "rows": self.rows,
            "formats": self.formats,
            "pairs": sum(self.kinds.values()),
            "kinds": self.kinds,
            "grounded": self.grounded,
            "ungrounded": self.ungrounded,
            "dropped": self.dropped,
            "shared_answers": self.shared_answers,
            "sample": [datasets.shown(pair) for pair in self.sample],
        }


@dataclass
class Counts:
    """What is counted while rows become pairs."""

    rows: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


def import_qa(
    settings: Settings,
    names: Sequence[str],
    *,
    out: Path | None = None,
    form: Format = "pairs",
    split: str = rows.SPLIT,
    off_topic: Sequence[str] = (),
    grounded_only: bool = False,
    progress: Progress = silent,
) -> ImportReport:
    """Writes the pairs of all files and data sets together (default: `datasets/imported.jsonl`).

    A row whose answer begins as one of `off_topic`, or is the assistant's own wording, is to be declined.
    Raises InvalidInputError where a file cannot be read or nothing in it can be used, ConfigurationError
    where the hub cannot be reached.
    """
    from core.index.index import Index

    counts = Counts()
    # The catalogue and the words can be read without the embedding model, which takes seconds to load.
    with closing(Index.open(settings, embedder_name=settings.models.embedder, dimension=0)) as index:
        pairs = [pair for name in names for pair in _pairs(name, split, counts)]
        pairs = _without_repeats(pairs, counts.dropped)
        pairs = ground([_of_kind(pair, settings.assistant, off_topic) for pair in pairs], index, progress)
    if grounded_only:
        counts.dropped[UNGROUNDED] += sum(not datasets.is_grounded(pair) for pair in pairs)
        pairs = [pair for pair in pairs if datasets.is_grounded(pair)]
    if form not in KEEP_HISTORY:
        counts.dropped[NEEDS_HISTORY] += sum(bool(pair.history) for pair in pairs)
        pairs = [pair for pair in pairs if not pair.history]
    dropped = {reason: count for reason, count in sorted(counts.dropped.items()) if count}
    if not pairs:
        told = ", ".join(f"{count} {reason}" for reason, count in dropped.items()) or "they are empty"
        raise InvalidInputError(f"Nothing in {', '.join(names)} can be used: {told}.")
    path = out or settings.datasets_dir / "imported.jsonl"
    rows.write_rows(path, [write_row(pair, form) for pair in pairs])
    answerable = [pair for pair in pairs if pair.kind in datasets.ANSWERABLE_KINDS]
    grounded = sum(map(datasets.is_grounded, answerable))
    sample = random.Random(settings.finetune.seed).sample(pairs, min(_SAMPLE, len(pairs)))
    return ImportReport(
        path,
        form,
        counts.rows,
        dict(sorted(counts.formats.items())),
        dict(sorted(Counter(pair.kind for pair in pairs).items())),
        grounded,
        len(answerable) - grounded,
        dropped,
        {answer: n for answer, n in Counter(pair.answer for pair in answerable).items() if n >= _SHARED},
        sample,
    )


def load(path: Path, index: Index, assistant: AssistantSettings, progress: Progress = silent) -> list[QAPair]:
    """The pairs of a dataset as `datasets.load`, or of a file in another format, with their evidence.

    Raises InvalidInputError.
    """
    if path.suffix.lower() not in _FOREIGN and not path.is_dir() and _is_ours(path):
        return datasets.load(path)
    counts = Counts()
    pairs = _without_repeats(list(_pairs(str(path), rows.SPLIT, counts)), counts.dropped)
    if not pairs:
        told = ", ".join(f"{count} {reason}" for reason, count in counts.dropped.items())
        raise InvalidInputError(f"{path} holds no question that can be used: {told or 'it is empty'}.")
    return ground([_of_kind(pair, assistant, ()) for pair in pairs], index, progress)


def _is_ours(path: Path) -> bool:
    """By its first line. What is no data set counts as ours: `datasets.load` names what is wrong with it."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = json.loads(next((line for line in file if line.strip()), "{}"))
    except (OSError, ValueError):
        return True
    return not isinstance(first, dict) or format_of(list(first)) in (None, "pairs")


def _pairs(name: str, split: str, counts: Counts) -> Iterator[QAPair]:
    for number, row in enumerate(rows.read_rows(name, split), 1):
        counts.rows += 1
        if format_of(list(row)) == "pairs":
            yield datasets.from_row(row, f"{name}, row {number}")
            counts.formats["pairs"] += 1
            continue
        try:
            form, found = read_row(row)
        except UnusableRowError as error:
            counts.dropped[str(error)] += 1
            continue
        counts.formats[form] += 1
        yield from map(_to_pair, found)


def _to_pair(raw: Raw) -> QAPair:
    turns = [f"{turn.role}: {turn.content}" for turn in raw.history]
    name = hashlib.sha1("\n".join((*turns, raw.question, raw.answer)).encode()).hexdigest()[:12]
    kind = "followup" if raw.history else "answerable"
    return QAPair(f"{METHOD}-{name}", kind, raw.question, raw.answer, history=raw.history, method=METHOD)


def _without_repeats(pairs: Sequence[QAPair], dropped: Counter[str]) -> list[QAPair]:
    """The first of those that say the same. An id that another question has already gets a number behind."""
    kept: dict[tuple[Any, ...], QAPair] = {}
    ids: Counter[str] = Counter()
    for pair in pairs:
        said = (pair.kind, pair.question, pair.answer, pair.history, pair.chunk_id)
        if said in kept:
            dropped[REPEATED] += 1
            continue
        ids[pair.id] += 1
        kept[said] = pair if ids[pair.id] == 1 else replace(pair, id=f"{pair.id}-{ids[pair.id]}")
    return list(kept.values())


def _of_kind(pair: QAPair, assistant: AssistantSettings, off_topic: Sequence[str]) -> QAPair:
    """Declined where its answer is a wording of the assistant's, or begins as one of `off_topic`."""
    if pair.kind not in datasets.ANSWERABLE_KINDS or pair.evidence:
        return pair
    answer = _folded(pair.answer)
    own = {
        "offtopic": assistant.off_topic,
        "unanswerable": assistant.no_answer,
        "injection": assistant.blocked,
    }
    for kind, wording in own.items():
        said = wording.format(purpose=assistant.purpose)
        if answer == _folded(said):
            return replace(pair, kind=kind, answer=said)
    if any(answer.startswith(_folded(beginning)) for beginning in off_topic):
        said = assistant.off_topic.format(purpose=assistant.purpose)
        return replace(pair, kind="offtopic", answer=said)
    return pair


def _folded(text: str) -> str:
    return " ".join(text.replace("’", "'").casefold().split()).rstrip(" .!")


def ground(pairs: Sequence[QAPair], index: Index, progress: Progress = silent) -> list[QAPair]:
    """The pairs with the evidence that the index holds for them.

    Evidence that a pair brings stays, with document and chunk where it stands in the index. Else every
    sentence of the answer must be found, in one chunk if there is one that holds them all.
    """
    support = Support()
    if index.is_empty:
        return list(pairs)
    found = []
    for done, pair in enumerate(pairs, 1):
        found.append(_grounded(pair, index, support))
        progress("look for evidence", done, len(pairs))
    return found


def _grounded(pair: QAPair, index: Index, support: Support) -> QAPair:
    if pair.chunk_id or pair.kind not in datasets.ANSWERABLE_KINDS:
        return pair
    ids = [chunk_id for chunk_id, _ in index.lexical(f"{pair.question} {pair.answer}", _SEARCHED)]
    if pair.evidence:
        return _placed(pair, index.chunks(ids).values())
    places = support.of(pair.answer, pair.question, list(index.chunks(ids).values()))
    return _with_evidence(pair, places) if places else pair


def _placed(pair: QAPair, chunks: Iterable[Chunk]) -> QAPair:
    first = pair.evidence[0]
    for chunk in chunks:
        if chunk.source == first.source and first.quote in chunk.text:
            return replace(pair, document_id=chunk.document_id, chunk_id=chunk.id)
    return pair


def _with_evidence(pair: QAPair, places: Sequence[Place]) -> QAPair:
    first = places[0].chunk
    several = len({place.chunk.document_id for place in places}) > 1
    return replace(
        pair,
        kind="multi" if several and pair.kind == "answerable" else pair.kind,
        evidence=tuple(Evidence(place.chunk.source, place.quote) for place in places),
        document_id=first.document_id,
        chunk_id=first.id,
    )
