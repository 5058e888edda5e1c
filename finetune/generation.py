"""Question-answer pairs from the indexed chunks, with verbatim evidence, and refusals beside them.

Several makers propose questions (`finetune/questions/`), the filters keep what reads like a person's
question and can be found again, and what was dropped is counted by its reason.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import IndexEmptyError, InvalidInputError
from core.progress import Progress, silent
from core.settings import Settings
from core.types import Chunk, Evidence, Hit, QAPair
from finetune import datasets, filters, refusals
from finetune.filters import Made
from finetune.questions import definitions, facts, faq, headings, lists, model, rules, statements, tables
from finetune.questions.passage import Candidate, Passage
from finetune.questions.wording import placed, reword, typed
from finetune.similarity import content_words, overlap

if TYPE_CHECKING:
    from core.bootstrap import Inhouse

CONTRAST_SHARE = 0.4  # of the answerable questions, asked again without their passage
OFF_TOPIC_SHARE = 0.15
SMALL_TALK_SHARE = 0.03
INJECTION_SHARE = 0.05
_CHECKED_PER_QUOTA = 2  # candidates that go through retrieval for each one that the quota admits
_SAMPLE = 12


@dataclass(frozen=True, slots=True)
class GenerateReport:
    dataset: Path
    pairs: int
    refusals: int
    dropped: dict[str, int]  # reason -> questions
    methods: dict[str, int]  # method -> questions kept
    kinds: dict[str, int]  # kind of refusal -> how many
    sample: list[QAPair]

    def to_json(self) -> dict[str, Any]:
        """The JSON of `generate-qa`."""
        return {
            "dataset": str(self.dataset),
            "pairs": self.pairs,
            "refusals": self.refusals,
            "dropped": self.dropped,
            "methods": self.methods,
            "kinds": self.kinds,
            "sample": [datasets.shown(pair) for pair in self.sample],
        }


def generate_qa(inhouse: Inhouse, *, out: Path | None = None, progress: Progress = silent) -> GenerateReport:
    """Writes the dataset (default: `datasets/generated.jsonl` in the data folder).

    Raises IndexEmptyError where nothing is indexed, InvalidInputError where no question could be made.
    """
    if inhouse.index.is_empty:
        raise IndexEmptyError("Nothing has been indexed yet. Run `inhouse reindex FOLDER` first.")
    settings = inhouse.settings
    dropped: Counter[str] = Counter()
    made = filters.sound(
        candidates(inhouse.index.all_chunks(), settings.finetune.seed, progress, _asking_of(inhouse)), dropped
    )
    made = filters.within_quota(made, _CHECKED_PER_QUOTA * settings.finetune.pairs_per_document, dropped)
    if made:
        search = _quick_search(inhouse, [item.candidate.question for item in made])
        made = filters.answerable(made, search, dropped, progress)
    made = filters.within_quota(made, settings.finetune.pairs_per_document, dropped)
    if not made:
        raise InvalidInputError(
            "No question could be made from the indexed documents: they hold too little text."
        )
    pairs = [to_pair(item) for item in made]
    declined = refusals_for(pairs, inhouse)
    path = out or default_dataset(settings)
    datasets.save(path, [*pairs, *declined])
    methods = Counter(pair.method for pair in pairs)
    sample = random.Random(settings.finetune.seed).sample(pairs, min(_SAMPLE, len(pairs)))
    return GenerateReport(
        path,
        len(pairs),
        len(declined),
        {k: n for k, n in sorted(dropped.items()) if n},
        dict(sorted(methods.items())),
        dict(sorted(Counter(pair.kind for pair in declined).items())),
        sample,
    )


def default_dataset(settings: Settings) -> Path:
    return settings.datasets_dir / "generated.jsonl"


Asking = Callable[[Passage], Iterator[Candidate]]


def _asking_of(inhouse: Inhouse) -> tuple[Asking, int] | None:
    """How the generating model is asked about a passage, and about how many of a document; None where the
    reader answers, or the settings say that it is not to be asked.
    """
    settings = inhouse.settings
    if settings.generator == "reader" or not settings.finetune.model_questions:
        return None
    generator: Any = inhouse.generator  # only generating models write
    count, purpose = settings.finetune.model_questions, settings.assistant.purpose

    def ask(passage: Passage) -> Iterator[Candidate]:
        return model.questions(passage, generator.write, count, purpose)

    return ask, settings.finetune.model_passages


def candidates(
    chunks: Iterable[Chunk],
    seed: int,
    progress: Progress = silent,
    asking: tuple[Asking, int] | None = None,
) -> Iterator[Made]:
    """Every question that the makers propose, as people type it; the same for the same chunks and seed.

    With `asking` also those of a generating model, on so many passages of each document.
    """
    by_document: dict[str, list[Chunk]] = defaultdict(list)
    for chunk in chunks:
        by_document[chunk.document_id].append(chunk)
    for done, document_id in enumerate(sorted(by_document), 1):
        own = sorted(by_document[document_id], key=lambda chunk: chunk.ordinal)
        for chunk in own:
            for candidate in _from_chunk(chunk, random.Random(f"{seed} {chunk.id}")):
                yield Made(chunk, candidate)
        if asking:
            ask, most = asking
            for chunk in model.chosen(own, most, random.Random(f"{seed} {document_id}")):
                rng = random.Random(f"{seed} {chunk.id} {model.METHOD}")
                for candidate in ask(Passage.of(chunk)):
                    yield Made(chunk, replace(candidate, question=typed(candidate.question, rng)))
        progress("write questions", done, len(by_document))


def _from_chunk(chunk: Chunk, rng: random.Random) -> Iterator[Candidate]:
    passage = Passage.of(chunk)
    for candidate in faq.questions(passage):
        yield replace(candidate, question=typed(_in_own_words(candidate, passage, rng), rng))
    for maker in (tables, lists, statements, facts, headings, rules, definitions):
        for candidate in maker.questions(passage, rng):
            if filters.self_sufficient(candidate.question):
                yield replace(candidate, question=typed(_in_own_words(candidate, passage, rng), rng))


def _in_own_words(candidate: Candidate, passage: Passage, rng: random.Random) -> str:
    """With everyday synonyms and, where it still says little beyond its evidence, its subject beside it."""
    question, evidence = reword(candidate.question, rng), " ".join(candidate.evidence)
    vague = len(content_words(question)) < 4 and re.search(r"\b(?:it|they|them)\b", candidate.question)
    if not vague and (
        candidate.human or candidate.placed or overlap(question, evidence) <= filters.MAX_OVERLAP
    ):
        return question
    unit = next(unit for unit in passage.units if unit.text == candidate.evidence[0])
    topics = [passage.topic(unit), passage.as_topic(passage.chunk.title)]
    for topic in topics:
        if topic and content_words(topic.noun) - content_words(question) - content_words(evidence):
            return placed(question, reword(topic.noun, rng), rng)
    return question


def _quick_search(inhouse: Inhouse, questions: Sequence[str]) -> filters.Search:
    """Retrieval as it serves, but without the reader, which would cost a hundred times the rest, and with all
    questions embedded together, which is quicker than one by one.
    """
    retriever = replace(inhouse.retriever, reader=None)
    searched = {question: retriever.understood(question) for question in questions}
    vectors = dict(zip(searched, inhouse.embedder.embed(list(searched.values())), strict=True))

    def search(question: str) -> list[Hit]:
        return retriever.fuse(searched[question], vector=vectors[question])[: filters.FOUND_WITHIN]

    return search


def to_pair(made: Made) -> QAPair:
    chunk, candidate = made.chunk, made.candidate
    name = hashlib.sha1(f"{chunk.source} {candidate.question} {candidate.evidence[0]}".encode()).hexdigest()[
        :10
    ]
    return QAPair(
        id=f"{candidate.method}-{name}",
        kind="answerable",
        question=candidate.question,
        answer=candidate.answer,
        evidence=tuple(Evidence(chunk.source, quote) for quote in candidate.evidence),
        keywords=candidate.keywords,
        document_id=chunk.document_id,
        chunk_id=chunk.id,
        method=candidate.method,
    )


def refusals_for(pairs: list[QAPair], inhouse: Inhouse) -> list[QAPair]:
    """Contrast pairs, off-topic questions, small talk and injections in proportion to the answerable ones."""
    assistant, seed = inhouse.settings.assistant, inhouse.settings.finetune.seed
    return [
        *refusals.contrast(pairs, assistant, CONTRAST_SHARE, seed),
        *refusals.off_topic(max(20, round(OFF_TOPIC_SHARE * len(pairs))), assistant, seed),
        *refusals.small_talk(max(10, round(SMALL_TALK_SHARE * len(pairs))), assistant, seed),
        *refusals.injections(max(5, round(INJECTION_SHARE * len(pairs))), assistant, seed),
    ]
