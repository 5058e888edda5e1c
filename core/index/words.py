"""The words of all chunks for BM25, in tantivy: chosen by measurement, see docs/retrieval.md.

Every commit that changes documents writes a folder anew, from the texts in the catalogue: that costs little
beside embedding (one changed file among 9,265 chunks takes half a second in all), deleted words leave
nothing behind, and the scores are those of a fresh index. A folder is never changed after its commit, so
readers need no lock.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.acronyms import Acronyms, explained
from core.errors import IndexUnavailableError
from core.index.lexical import codes

if TYPE_CHECKING:
    import tantivy

_HEAP = 64_000_000  # bytes that a writer may hold before it writes a segment
_LONGEST = 64  # characters of a word
_EXPLAINED = "explained.json"  # beside tantivy's files: [label, acronym, its words, how often]
_OLDER_EXPLAINED = "acronyms.json"  # {acronym: its words, most frequent first}, before labels were kept
_UNKNOWN_LABEL = -1  # of what an older version of Inhouse wrote: for those alone who may see everything
_MOST_VIEWS = 64  # sets of hidden labels whose acronyms are kept
_CODE_BOOST = 2.0  # what a code found as it stands counts beside its parts


class Words:
    """One committed folder, for any number of threads."""

    def __init__(self, folder: Path) -> None:
        """Raises IndexUnavailableError where the folder is missing or damaged."""
        import tantivy

        with named_faults(folder):
            if not folder.is_dir():
                raise ValueError("its word index is missing")
            index = tantivy.Index.open(str(folder))
            _register(index)
            self._schema = index.schema
            self._searcher = index.searcher()
            self._explained = _read_explained(folder)
        self._labels = frozenset(label for label, *_ in self._explained)
        self._acronyms: dict[frozenset[int], Acronyms] = {}
        self._stems, self._spelt = _stems(), _spelt()

    def search(
        self, terms: Sequence[str], wanted_codes: Sequence[str], k: int, denied: Sequence[int] = ()
    ) -> list[tuple[str, float]]:
        """Up to k (chunk id, BM25 > 0), best first; `denied` are the labels of chunks to leave out.

        tantivy's BM25 has k1 = 1.2 and b = 0.75 (Robertson and Zaragoza 2009).
        """
        import tantivy

        stems = dict.fromkeys(stem for term in terms for stem in self._stems.analyze(term))
        should = [self._term("text", stem) for stem in stems]
        should += [tantivy.Query.boost_query(self._term("codes", code), _CODE_BOOST) for code in wanted_codes]
        if not should or k <= 0:
            return []
        clauses = [(tantivy.Occur.Should, query) for query in should]
        if denied:
            left_out = tantivy.Query.term_set_query(self._schema, "label", list(denied))
            clauses = [
                (tantivy.Occur.Must, tantivy.Query.boolean_query(clauses)),
                (tantivy.Occur.MustNot, left_out),
            ]
        found = self._searcher.search(tantivy.Query.boolean_query(clauses), k, count=False)
        hits = [(str(self._searcher.doc(at)["id"][0]), float(score)) for score, at in found.hits]
        return sorted(hits, key=lambda hit: (-hit[1], hit[0]))

    @property
    def acronyms(self) -> Acronyms:
        """All that the texts explain."""
        return self.acronyms_without(())

    def acronyms_without(self, denied: Sequence[int]) -> Acronyms:
        """What the texts explain that have none of these labels."""
        hidden = self._labels.intersection([*denied, _UNKNOWN_LABEL] if denied else ())
        known = self._acronyms.get(hidden)
        if known is None:
            known = Acronyms.of(
                (short, words)
                for label, short, words, times in self._explained
                if label not in hidden
                for _ in range(times)
            )
            if len(self._acronyms) >= _MOST_VIEWS:
                self._acronyms.clear()
            self._acronyms[hidden] = known
        return known

    def holds(self, word: str, denied: Sequence[int] = ()) -> bool:
        """True where a chunk without these labels holds the word, in any of the forms that share its stem."""
        return any(self._count("text", stem, denied) for stem in self._stems.analyze(word))

    def count(self, word: str, denied: Sequence[int] = ()) -> int:
        """How many chunks without these labels hold the word as it is spelt, in lower case."""
        return self._count("spelt", word, denied)

    def beginning(self, prefix: str) -> list[tuple[str, int]]:
        """The words that begin so, as they are spelt but in lower case, with how many chunks hold them."""
        return list(self._searcher.terms_with_prefix("spelt", prefix))

    def _count(self, field: str, word: str, denied: Sequence[int]) -> int:
        import tantivy

        if not denied:
            return int(self._searcher.doc_freq(field, word))
        hidden = tantivy.Query.term_set_query(self._schema, "label", list(denied))
        clauses = [(tantivy.Occur.Must, self._term(field, word)), (tantivy.Occur.MustNot, hidden)]
        found: Any = self._searcher.search(tantivy.Query.boolean_query(clauses), 1, count=True)
        return int(found.count)  # tantivy's own types leave it out

    def _term(self, field: str, value: str) -> tantivy.Query:
        import tantivy

        option = "freq" if field == "text" else "basic"
        return tantivy.Query.term_query(self._schema, field, value, index_option=option)


def write_words(folder: Path, rows: Iterable[tuple[str, str, int]]) -> None:
    """Writes (chunk id, text, label) into a new folder, in place of what a writer that died left there."""
    import tantivy

    with named_faults(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        index = tantivy.Index(_schema(), path=str(folder))
        _register(index)
        writer = index.writer(_HEAP, 1)
        explanations: Counter[tuple[int, str, str]] = Counter()
        for chunk_id, text, label in rows:
            explanations.update((label, short, words) for short, words in explained(text))
            document = tantivy.Document(id=chunk_id, text=text, spelt=text, codes=codes(text))
            document.add_unsigned("label", label)
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        found = [[*explanation, times] for explanation, times in sorted(explanations.items())]
        (folder / _EXPLAINED).write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")


def are_written(folder: Path) -> bool:
    """False where the folder is missing, or was written by a version that kept no labels of explanations."""
    return (folder / _EXPLAINED).is_file()


def _read_explained(folder: Path) -> list[tuple[int, str, str, int]]:
    if are_written(folder):
        rows: list[Any] = json.loads((folder / _EXPLAINED).read_text(encoding="utf-8"))
        return [(label, short, words, times) for label, short, words, times in rows]
    older: dict[str, list[str]] = json.loads((folder / _OLDER_EXPLAINED).read_text(encoding="utf-8"))
    return [
        (_UNKNOWN_LABEL, short, words, len(forms) - place)
        for short, forms in older.items()
        for place, words in enumerate(forms)
    ]


@contextmanager
def named_faults(folder: Path) -> Iterator[None]:
    """tantivy's and the file system's faults as IndexUnavailableError."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise IndexUnavailableError(
            f"The index in {folder.parent.parent} cannot be used ({error}); run `inhouse reindex --full`."
        ) from error


def _schema() -> tantivy.Schema:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("text", tokenizer_name="stems", index_option="freq")
    builder.add_text_field("spelt", tokenizer_name="spelt", index_option="basic")
    builder.add_text_field("codes", tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("label", indexed=True)
    return builder.build()


def _register(index: tantivy.Index) -> None:
    index.register_tokenizer("stems", _stems())
    index.register_tokenizer("spelt", _spelt())


def _stems() -> tantivy.TextAnalyzer:
    import tantivy

    return _lower().filter(tantivy.Filter.stemmer("english")).build()


def _spelt() -> tantivy.TextAnalyzer:
    return _lower().build()


def _lower() -> tantivy.TextAnalyzerBuilder:
    import tantivy

    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(_LONGEST))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
    )
