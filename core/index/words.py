"""The words of all chunks for BM25, in tantivy: chosen by measurement, see docs/retrieval.md.

Every commit that changes documents writes a folder anew, from the texts in the catalogue: that costs little
beside embedding (one changed file among 9,265 chunks takes half a second in all), deleted words leave
nothing behind, and the scores are those of a fresh index. A folder is never changed after its commit, so
readers need no lock.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core.acronyms import Acronyms, explained
from core.errors import IndexUnavailableError
from core.index.lexical import codes

if TYPE_CHECKING:
    import tantivy

_HEAP = 64_000_000  # bytes that a writer may hold before it writes a segment
_LONGEST = 64  # characters of a word
_ACRONYMS = "acronyms.json"  # beside tantivy's files: what the same texts explain
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
            rows = json.loads((folder / _ACRONYMS).read_text(encoding="utf-8"))
            self.acronyms = Acronyms({short: tuple(words) for short, words in rows.items()})
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

    def holds(self, word: str) -> bool:
        """True where a chunk holds the word, in any of the forms that share its stem."""
        return any(self._searcher.doc_freq("text", stem) for stem in self._stems.analyze(word))

    def beginning(self, prefix: str) -> list[tuple[str, int]]:
        """The words that begin so, as they are spelt but in lower case, with how many chunks hold them."""
        return list(self._searcher.terms_with_prefix("spelt", prefix))

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
        explanations = []
        for chunk_id, text, label in rows:
            explanations += explained(text)
            document = tantivy.Document(id=chunk_id, text=text, spelt=text, codes=codes(text))
            document.add_unsigned("label", label)
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        long_forms = dict(Acronyms.of(explanations).long_forms)
        (folder / _ACRONYMS).write_text(json.dumps(long_forms, ensure_ascii=False), encoding="utf-8")


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
