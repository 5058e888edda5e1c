"""What each ingredient of retrieval is worth on a question file: an ablation over an index that exists.

    inhouse reindex FOLDER --data-dir DIR
    python -m eval.retrieval_benchmark --questions questions.jsonl --data-dir DIR [--limit N]

Recall@5 (share of the evidence quotes in the first five hits) and MRR over the questions that are to be
answered; follow-ups are condensed with their history first. `more` and `fewer` count the questions that
find more or fewer of their quotes than in the first row. Questions with a slip are the same questions with
one letter of one word wrong. Acronyms are exchanged in the questions that hold one which the documents
explain, or its words: the other stands instead. Codes are taken from the index: each must find the chunk
that holds it.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.acronyms import Acronyms
from core.bootstrap import Inhouse
from core.followup import standalone
from core.index.index import Index
from core.index.lexical import codes, search_terms
from core.progress import Progress, console, silent
from core.retrieval import Retriever
from core.settings import load_settings
from core.types import Hit, QAPair
from eval.matching import evidence_quote, fold, holds_quote
from eval.metrics import RECALL_AT
from eval.questions import ANSWER_KINDS, load_questions

_RRF = 60  # the constant of reciprocal rank fusion (Cormack et al. 2009)
_CODES = 100
Search = Callable[[str], Sequence[Hit]]


@dataclass(frozen=True, slots=True)
class Found:
    """Of one question: the share of its quotes in the first hits, and 1 / rank of the first that has one."""

    kind: str
    recall: float
    reciprocal_rank: float


def variants(retriever: Retriever) -> dict[str, Search]:
    """Name -> search; the first is what Inhouse does."""

    def with_settings(search: str = "search", **changes: Any) -> Search:
        changed: Retriever = replace(retriever, settings=retriever.settings.model_copy(update=changes))
        if search == "search":
            return lambda question: changed.search(question, RECALL_AT)
        return lambda question: getattr(changed, search)(question)[:RECALL_AT]

    depths = [depth for depth in (8, 12, 16, 24) if depth != retriever.settings.rerank_top]
    return {
        "all of it": with_settings(),
        **{f"reader reads {depth} hits": with_settings(rerank_top=depth) for depth in depths},
        "spelling left as it is": with_settings(mend_spelling=False),
        "acronyms left as they are": with_settings(expand_acronyms=False),
        "questions left whole": with_settings(part_top=0),
        "no reader": with_settings("fuse"),
        "no reader, near-duplicates kept": with_settings("candidates"),
        "reciprocal rank fusion": lambda question: _rank_fusion(retriever, question),
        "dense alone": with_settings("candidates", lexical_weight=0.0),
        "BM25 alone": lambda question: _bm25(retriever, question),
    }


def _bm25(retriever: Retriever, question: str) -> list[Hit]:
    found = dict(retriever.index.lexical(question, RECALL_AT))
    return [Hit(chunk, found[name]) for name, chunk in retriever.index.chunks(list(found)).items()]


def _bm25_of_parts(index: Index, question: str) -> list[Hit]:
    """BM25 without codes as a whole."""
    found = dict(index.words().search(search_terms(question), [], RECALL_AT))
    return [Hit(chunk, found[name]) for name, chunk in index.chunks(found).items()]


def _rank_fusion(retriever: Retriever, question: str) -> list[Hit]:
    vector, depth = retriever.embedder.embed([question])[0], retriever.settings.candidates
    scores: dict[str, float] = {}
    for found in (retriever.index.dense(vector, depth), retriever.index.lexical(question, depth)):
        for rank, (name, _) in enumerate(found, 1):
            scores[name] = scores.get(name, 0.0) + 1 / (_RRF + rank)
    best = dict(sorted(scores.items(), key=lambda item: -item[1])[:RECALL_AT])
    return [Hit(chunk, best[name]) for name, chunk in retriever.index.chunks(list(best)).items()]


def find(question: QAPair, asked: str, search: Search) -> Found:
    texts = [fold(hit.chunk.text) for hit in search(asked)]
    quotes = [evidence_quote(evidence) for evidence in question.evidence]
    ranks = [rank for rank, text in enumerate(texts, 1) if any(holds_quote([text], q) for q in quotes)]
    share = sum(holds_quote(texts, quote) for quote in quotes) / len(quotes)
    return Found(question.kind, share, 1 / ranks[0] if ranks else 0.0)


def measure(
    questions: Sequence[QAPair], search: Search, *, slips: int | None = None, progress: Progress = silent
) -> list[Found]:
    """`slips`: a seed for one wrong letter in each question; None leaves them right."""
    rng = random.Random(slips)
    found = []
    for done, question in enumerate(questions):
        progress("questions", done, len(questions))
        asked = standalone(question.question, question.history)
        found.append(find(question, asked if slips is None else with_slip(asked, rng), search))
    progress("questions", len(questions), len(questions))
    return found


def with_slip(question: str, rng: random.Random) -> str:
    """One letter inside one longer word dropped, doubled, swapped with the next, or wrong."""
    telling = set(search_terms(question))
    words = [word for word in re.findall(r"[A-Za-z]{5,}", question) if word.lower() in telling]
    if not words:
        return question
    word = rng.choice(words)
    at = rng.randrange(1, len(word) - 1)
    before, letter, after = word[:at], word[at], word[at + 1 :]
    slipped = rng.choice(
        [
            before + after,
            before + letter + letter + after,
            before + after[0] + letter + after[1:],
            before + rng.choice("abcdefghijklmnopqrstuvwxyz") + after,
        ]
    )
    return re.sub(rf"\b{word}\b", slipped, question, count=1)


def with_acronyms_exchanged(question: str, acronyms: Acronyms) -> str | None:
    """The question with an acronym in place of its words, or they in its place; None where it has neither."""
    for short, (words, *_) in acronyms.long_forms.items():
        spelt = r"[^\w]+".join(words.removesuffix("s").split())
        for written, other in ((rf"(?i)\b{spelt}s?\b", short), (rf"\b{short}s?\b", words)):
            if re.search(written, question):
                return re.sub(written, other, question)
    return None


def code_recall(index: Index, searches: Mapping[str, Search], seed: int = 13) -> dict[str, float]:
    """Share of up to 100 codes that stand in one chunk alone, and are found there among the first hits."""
    holders: dict[str, list[str]] = {}
    for chunk in index.all_chunks():
        for code in codes(chunk.searched):
            holders.setdefault(code, []).append(chunk.id)
    single = sorted(code for code, chunks in holders.items() if len(chunks) == 1)
    chosen = random.Random(seed).sample(single, min(_CODES, len(single)))
    if not chosen:
        return {}
    return {
        name: sum(
            holders[code][0] in [hit.chunk.id for hit in search(f"What about {code}?")] for code in chosen
        )
        / len(chosen)
        for name, search in searches.items()
    }


def table(rows: Mapping[str, Sequence[Found]]) -> Iterator[str]:
    """Markdown: a column pair a kind of question, and against the first row who finds more, who fewer."""
    reference = next(iter(rows.values()))
    kinds = [kind for kind in ANSWER_KINDS if any(found.kind == kind for found in reference)]
    counted = Counter(found.kind for found in reference)
    heads = [f"{kind} ({counted[kind]}): recall@{RECALL_AT} | MRR" for kind in kinds]
    yield "| | " + " | ".join(heads) + " | more | fewer |"
    yield "| --- |" + " ---: |" * (2 * len(kinds) + 2)
    for name, found in rows.items():
        cells = [cell for kind in kinds for cell in _means([one for one in found if one.kind == kind])]
        pairs = list(zip(found, reference, strict=True))
        more = sum(one.recall > other.recall for one, other in pairs)
        fewer = sum(one.recall < other.recall for one, other in pairs)
        yield f"| {name} | " + " | ".join([*cells, str(more), str(fewer)]) + " |"


def _means(found: Sequence[Found]) -> tuple[str, str]:
    recall = sum(one.recall for one in found) / len(found)
    return f"{recall:.3f}", f"{sum(one.reciprocal_rank for one in found) / len(found):.3f}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--data-dir", type=Path, required=True, help="of an index over their documents")
    parser.add_argument("--limit", type=int, default=0, help="ask so many of each kind, chosen by chance")
    args = parser.parse_args()
    asked = [
        question
        for question in load_questions(args.questions).questions
        if question.kind in ANSWER_KINDS and question.evidence
    ]
    random.Random(13).shuffle(asked)
    if args.limit:
        seen: Counter[str] = Counter()
        asked = [one for one in asked if not (seen.update([one.kind]) or seen[one.kind] > args.limit)]
    with closing(Inhouse(load_settings(data_dir=args.data_dir))) as inhouse:
        searches = variants(inhouse.retriever)
        rows = {name: measure(asked, search, progress=console()) for name, search in searches.items()}
        print("\n".join(table(rows)))
        slipped = {name: searches[name] for name in ("all of it", "spelling left as it is")}
        print("\nWith a slip in each question\n")
        print("\n".join(table({name: measure(asked, one, slips=7) for name, one in slipped.items()})))
        acronyms = inhouse.index.words().acronyms
        exchanged = [
            replace(one, question=other, history=())
            for one in asked
            if (other := with_acronyms_exchanged(standalone(one.question, one.history), acronyms))
        ]
        if exchanged:
            print("\nWith acronyms exchanged\n")
            compared = {name: searches[name] for name in ("all of it", "acronyms left as they are")}
            print("\n".join(table({name: measure(exchanged, one) for name, one in compared.items()})))
        probed = {name: searches[name] for name in ("all of it", "no reader", "dense alone", "BM25 alone")}
        probed["BM25 of a code's parts"] = lambda question: _bm25_of_parts(inhouse.index, question)
        for name, share in code_recall(inhouse.index, probed).items():
            print(f"\nCodes found in the first {RECALL_AT} hits, {name}: {share:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
