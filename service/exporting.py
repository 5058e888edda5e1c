"""The interaction log as questions to measure by, and as pairs to tune on.

log -> one exchange a question -> kind and expected answer -> evidence in the current index -> QAPair

What people said counts most: a correction is the expected answer, a thumbs up confirms the answer or the
refusal, a thumbs down without a correction leaves the question out. What was not rated counts as right
where it cites its source.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from core.errors import InvalidInputError, ServiceError
from core.types import Evidence, Message, QAPair
from finetune import datasets
from finetune.evidence import Place, supporting
from finetune.similarity import words
from service.database import Database, fault
from service.evidence import Passages
from service.keywords import keywords_of
from service.tables import feedback, interactions

if TYPE_CHECKING:
    from core.settings import Settings

Form = Literal["questions", "pairs"]
FORMS: tuple[Form, ...] = ("questions", "pairs")
QUESTION_FIELDS = ("id", "kind", "question", "answer", "evidence", "keywords", "history")

AGAIN = "asked more than once"
RATED_DOWN = "rated down without a correction"
NOT_RATED = "declined and not rated"
BLOCKED = "blocked, but not as an attempt to take the assistant over"
UNCITED = "answered without a citation"
GONE = "its evidence is not in the index any more"
UNSUPPORTED = "its correction is not in the documents"

_COLUMNS = (
    "id", "question", "standalone_question", "history", "answer", "answer_type", "citations", "hits",
    "reason",
)  # fmt: skip
_DECLINED = {"no_answer": "unanswerable", "off_topic": "offtopic"}
_MARK = re.compile(r"\s*\[\d+\]")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the export needs of an interaction and the last opinion on it."""

    id: str
    question: str
    standalone: str
    history: tuple[Message, ...]
    answer: str
    answer_type: str
    citations: tuple[dict[str, Any], ...]
    chunk_ids: tuple[str, ...]  # of the hits
    reason: str
    rating: int = 0  # 0 where nobody rated it
    correction: str = ""


@dataclass(frozen=True, slots=True)
class ExportReport:
    file: Path
    form: Form
    interactions: int
    kinds: dict[str, int]
    dropped: dict[str, int]  # reason -> interactions
    without_keywords: int  # to be answered, but whether correctly cannot be judged by a keyword

    def to_json(self) -> dict[str, Any]:
        """The JSON of `export`."""
        return {
            "file": str(self.file),
            "to": self.form,
            "interactions": self.interactions,
            "exported": sum(self.kinds.values()),
            "kinds": self.kinds,
            "dropped": self.dropped,
            "without_keywords": self.without_keywords,
        }


def export(
    settings: Settings, file: Path, form: Form, *, since: datetime | None = None, rated_only: bool = False
) -> ExportReport:
    """Raises InvalidInputError where nothing can be exported, ServiceError where the log cannot be read."""
    from core.index.index import Index

    exchanges = logged(settings, since, rated_only)
    if not exchanges:
        raise InvalidInputError(_nothing_logged(since, rated_only))
    dropped: Counter[str] = Counter()
    # The catalogue and the words can be read without the embedding model, which takes seconds to load.
    with closing(Index.open(settings, embedder_name=settings.models.embedder, dimension=0)) as index:
        pairs = to_pairs(exchanges, Passages(index), dropped)
    counts = {reason: count for reason, count in sorted(dropped.items()) if count}
    if not pairs:
        told = ", ".join(f"{count} {reason}" for reason, count in counts.items())
        raise InvalidInputError(
            f"None of the {len(exchanges)} logged interactions can be used: {told}. Rate answers, or correct "
            "them, on the chat page or by POST /v1/feedback."
        )
    _save(file, pairs, form)
    answerable = [pair for pair in pairs if pair.kind in datasets.ANSWERABLE_KINDS]
    return ExportReport(
        file,
        form,
        len(exchanges),
        dict(sorted(Counter(pair.kind for pair in pairs).items())),
        counts,
        sum(not pair.keywords for pair in answerable),
    )


def to_pairs(exchanges: Iterable[Exchange], passages: Passages, dropped: Counter[str]) -> list[QAPair]:
    """The pairs that can be made; why the others cannot is counted in `dropped`."""
    pairs = []
    for exchange in _one_a_question(exchanges, dropped):
        made = _to_pair(exchange, passages)
        if isinstance(made, QAPair):
            pairs.append(made)
        else:
            dropped[made] += 1
    return pairs


def _one_a_question(exchanges: Iterable[Exchange], dropped: Counter[str]) -> list[Exchange]:
    """Of exchanges with the same question after the same turns the last corrected one, else the last rated
    one, else the last.
    """
    asked: dict[tuple[str, ...], list[Exchange]] = defaultdict(list)
    for exchange in exchanges:
        turns = (message.content for message in exchange.history) if _leans(exchange) else ()
        asked[tuple(" ".join(words(text)) for text in (exchange.question, *turns))].append(exchange)
    chosen = []
    for same in asked.values():
        dropped[AGAIN] += len(same) - 1
        chosen.append(max(reversed(same), key=lambda item: (bool(item.correction), item.rating != 0)))
    return chosen


def _to_pair(exchange: Exchange, passages: Passages) -> QAPair | str:
    """The pair, or why there is none."""
    if exchange.correction:
        return _corrected(exchange, passages)
    if exchange.rating < 0:
        return RATED_DOWN
    if exchange.answer_type == "answer":
        return _confirmed(exchange, passages)
    if exchange.rating == 0:
        return NOT_RATED
    if exchange.answer_type == "blocked":
        return _declined(exchange, "injection") if exchange.reason == "prompt_injection" else BLOCKED
    return _declined(exchange, _DECLINED[exchange.answer_type])


def _corrected(exchange: Exchange, passages: Passages) -> QAPair | str:
    correction = exchange.correction
    asked = exchange.standalone
    cited = [source for citation in exchange.citations for source in _sources(citation)]
    near = [*passages.hits(exchange.chunk_ids), *(chunk for source in cited for chunk in passages.of(source))]
    places = supporting(correction, asked, near)
    places = places or supporting(correction, asked, passages.search(f"{asked} {correction}"))
    return _answerable(exchange, correction, places, "corrected") if places else UNSUPPORTED


def _confirmed(exchange: Exchange, passages: Passages) -> QAPair | str:
    if not exchange.citations:
        return UNCITED
    quotes = [citation["quote"] for citation in exchange.citations]
    found = [passages.quoted(_sources(citation), citation["quote"]) for citation in exchange.citations]
    places = [place for place in found if place is not None]
    if len(places) < len(found):
        return GONE
    answer = _MARK.sub("", exchange.answer).strip()
    if [place.quote for place in places] != quotes:  # the log holds it masked
        answer = " ".join(place.readable for place in places)
    return _answerable(exchange, answer, places, "rated up" if exchange.rating else "not rated")


def _answerable(exchange: Exchange, answer: str, places: Sequence[Place], method: str) -> QAPair:
    sources = {place.chunk.source for place in places}
    leans = _leans(exchange)
    first = places[0]
    return QAPair(
        id=f"log-{exchange.id}",
        kind="followup" if leans else "multi" if len(sources) > 1 else "answerable",
        question=exchange.question,
        answer=answer,
        evidence=tuple(Evidence(place.chunk.source, place.quote) for place in places),
        keywords=keywords_of(answer, first.readable, exchange.question),
        history=exchange.history if leans else (),
        document_id=first.chunk.document_id,
        chunk_id=first.chunk.id,
        method=f"log: {method}",
    )


def _declined(exchange: Exchange, kind: str) -> QAPair:
    return QAPair(
        id=f"log-{exchange.id}",
        kind=kind,
        question=exchange.question,
        answer=exchange.answer,
        history=exchange.history if _leans(exchange) else (),
        method=f"log: {exchange.id}",  # a topic of its own, so that a split can take some and leave others
    )


def _leans(exchange: Exchange) -> bool:
    """True where the question was only understood by the turns before it."""
    return bool(exchange.history) and words(exchange.standalone) != words(exchange.question)


def _sources(citation: dict[str, Any]) -> list[str]:
    return [citation["source"], *citation.get("also_in", ())]


def logged(settings: Settings, since: datetime | None = None, rated_only: bool = False) -> list[Exchange]:
    """Oldest first. Of several opinions on one interaction the last one counts."""
    if not settings.database_url and not settings.database.exists():
        return []
    columns = [interactions.c[name] for name in _COLUMNS]
    chosen = [interactions.c.time >= since] if since else []
    asked = select(*columns).where(*chosen).order_by(interactions.c.time)
    opinion = (feedback.c.interaction_id, feedback.c.rating, feedback.c.correction)
    rated = select(*opinion).order_by(feedback.c.time)
    database = Database.of(settings)
    try:
        with database.begin() as connection:
            opinions = {
                row.interaction_id: row for row in connection.execute(rated.order_by(feedback.c.time))
            }
            rows = connection.execute(asked).all()
    except (SQLAlchemyError, OSError) as error:
        raise ServiceError(f"The interaction log cannot be read ({fault(error)}).") from error
    finally:
        database.close()
    return [_exchange(row, opinions.get(row.id)) for row in rows if not rated_only or row.id in opinions]


def _exchange(row: Any, opinion: Any) -> Exchange:
    turns = (
        Message(turn["role"], turn["content"])
        for turn in row.history or ()
        if turn["role"] in ("user", "assistant") and turn["content"].strip()
    )
    return Exchange(
        row.id,
        row.question,
        row.standalone_question,
        tuple(turns),
        row.answer,
        row.answer_type,
        tuple(row.citations),
        tuple(hit["chunk"] for hit in row.hits),
        row.reason,
        opinion.rating if opinion else 0,
        opinion.correction.strip() if opinion else "",
    )


def _save(file: Path, pairs: Sequence[QAPair], form: Form) -> None:
    if form == "pairs":
        datasets.save(file, pairs)
        return
    rows = (pair.to_json() for pair in pairs)
    datasets.write_rows(file, ({name: row[name] for name in QUESTION_FIELDS} for row in rows))


def _nothing_logged(since: datetime | None, rated_only: bool) -> str:
    what = "rated interactions" if rated_only else "interactions"
    when = f" since {since:%Y-%m-%d}" if since else ""
    return (
        f"The log holds no {what}{when}. Start `inhouse serve` with service.log_interactions on, ask and "
        "rate answers on the chat page or by POST /v1/feedback, then export again."
    )
