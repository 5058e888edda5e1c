from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import InvalidInputError
from core.types import Evidence, Message, QAPair
from finetune import datasets
from tests.finetune.building import pair


def many_pairs(documents: int = 10) -> list[QAPair]:
    """Four questions a document, one of them with its passage withheld, and off-topic ones of five topics."""
    made = []
    for number in range(documents):
        document = f"doc{number}"
        for letter in "abc":
            made.append(
                pair(
                    f"{document}{letter}",
                    f"What about {letter}{number} zebra{number}{letter}?",
                    document=document,
                )
            )
        made.append(
            pair(
                f"{document}x",
                f"What about a{number} zebra{number}a?",
                document=document,
                kind="unanswerable",
            )
        )
    topics = ("cooking", "sport", "poems", "history", "jokes")
    made += [
        pair(
            f"off{topic}{number}",
            f"{topic} question{number}{topic}",
            kind="offtopic",
            method=f"bank: {topic}",
        )
        for topic in topics
        for number in range(4)
    ]
    return made


@pytest.mark.parametrize("seed", [13, 14, 15])
def test_a_document_is_one_whether_a_pair_names_its_id_or_its_path(seed: int) -> None:
    def about(number: int, letter: str, document_id: str, *sources: str) -> QAPair:
        quotes = tuple(Evidence(source, f"{letter} rule {number} of {source}.") for source in sources)
        text = f"What of {letter}{number} zebra{number}{letter}?"
        return QAPair(f"{letter}{number}", "answerable", text, "It is.", quotes, document_id=document_id)

    pairs = [
        made
        for n in range(20)
        for made in (
            about(n, "known", f"id{n}", f"doc{n}.md"),
            about(n, "written", "", f"doc{n}.md"),
            about(n, "both", "", f"doc{n}.md", f"doc{n}.md" if n % 5 else f"doc{n + 1}.md"),
        )
    ]
    sides = [
        {item.source for pair in side for item in pair.evidence}
        for side in datasets.split_by_document(pairs, 0.2, seed)
    ]
    assert sides[0].isdisjoint(sides[1])
    with pytest.raises(InvalidInputError, match=r"'doc1.md' has questions in"):
        datasets.check_disjoint([about(1, "known", "id1", "doc1.md")], [about(2, "other", "", "doc1.md")])


def test_documents_that_are_added_hardly_move_the_others() -> None:
    before = {item.document_id for item in datasets.split_by_document(many_pairs(50), 0.2, 13)[0]}
    held_out = {item.document_id for item in datasets.split_by_document(many_pairs(53), 0.2, 13)[1]}
    assert len(held_out & before - {""}) <= 1


def test_what_is_saved_is_loaded_again(tmp_path: Path) -> None:
    pairs = [
        QAPair(
            "q1",
            "followup",
            "and for Zürich?",
            "€205",
            (Evidence("travel.csv", "| Zürich | 205 |"),),
            ("205",),
            (Message("user", "hotel limit in Paris?"), Message("assistant", "€180")),
            "travel",
            "travel-0",
            "table",
        ),
        QAPair("q2", "offtopic", "Tell me a joke.", method="bank: jokes"),
    ]
    datasets.save(tmp_path / "new" / "pairs.jsonl", pairs)
    assert datasets.load(tmp_path / "new" / "pairs.jsonl") == pairs
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["pairs.jsonl"]


GOOD = {"id": "q1", "kind": "answerable", "question": "How many days?"}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{not json", "not valid JSON"),
        ("[1, 2]", "not a JSON object"),
        (json.dumps({"id": "q2", "kind": "answerable"}), "'question' is missing"),
        (json.dumps({**GOOD, "question": "  "}), "question is empty"),
        (json.dumps({**GOOD, "question": 7}), "question is empty"),
        (json.dumps({**GOOD, "kind": "riddle"}), "'riddle' is none of"),
        (json.dumps({**GOOD, "evidence": ["text"]}), "line 3"),
        (json.dumps({**GOOD, "evidence": [{"source": "a.md"}]}), "'quote' is missing"),
    ],
)
def test_a_bad_line_is_named_with_its_fault(tmp_path: Path, line: str, fault: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(GOOD) + "\n\n" + line + "\n")
    with pytest.raises(InvalidInputError, match="line 3") as raised:
        datasets.load(path)
    assert fault in raised.value.message


def test_a_line_separator_within_a_text_ends_no_line(tmp_path: Path) -> None:
    pairs = [pair("a", "One\u2028two\x85three?"), pair("b")]
    datasets.save(tmp_path / "pairs.jsonl", pairs)
    assert datasets.load(tmp_path / "pairs.jsonl") == pairs


def test_a_missing_an_empty_and_a_binary_file_are_each_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no dataset at"):
        datasets.load(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(InvalidInputError, match="no questions"):
        datasets.load(tmp_path / "empty.jsonl")
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInputError, match="UTF-8"):
        datasets.load(tmp_path / "binary.jsonl")


def test_the_data_hash_ignores_the_order_and_notices_a_change() -> None:
    pairs = many_pairs(3)
    assert datasets.data_hash(pairs) == datasets.data_hash(pairs[::-1])
    assert datasets.data_hash(pairs) != datasets.data_hash(pairs[1:])


def test_a_split_keeps_documents_and_topics_whole_and_holds_out_the_share() -> None:
    pairs = many_pairs()
    train, test = datasets.split_by_document(pairs, 0.2, seed=1)
    assert sorted(map(id, [*train, *test])) == sorted(map(id, pairs))
    assert {datasets.group_of(item) for item in train}.isdisjoint(datasets.group_of(item) for item in test)
    assert sum(item.kind == "answerable" for item in test) == 6
    assert sum(item.kind == "offtopic" for item in test) == 4


def test_a_split_is_the_same_for_the_same_seed_only() -> None:
    pairs = many_pairs()
    assert datasets.split_by_document(pairs, 0.2, seed=1) == datasets.split_by_document(pairs, 0.2, seed=1)
    assert datasets.split_by_document(pairs, 0.2, seed=1) != datasets.split_by_document(pairs, 0.2, seed=2)


def test_documents_that_share_a_question_or_evidence_stay_on_one_side() -> None:
    alike = [
        pair("a", "Where do I park my red bicycle?", document="one"),
        pair("b", "where do i park my red bicycles", document="two"),
        pair("c", "Who sweeps the yard?", document="two", quote="The yard is swept by Ann."),
        pair("d", "Which person cleans outside?", document="three", quote="The yard is swept by **Ann**."),
    ]
    for seed in range(20):
        train, test = datasets.split_by_document([*many_pairs(), *alike], 0.3, seed)
        sides = {item.id: "test" for item in test} | {item.id: "train" for item in train}
        assert len({sides[item.id] for item in alike}) == 1


def test_topics_that_are_held_out_are_the_test_whatever_the_seed_and_share() -> None:
    kept = [
        pair(f"kept{number}", f"quiz thing{number}", kind="offtopic", method="bank: held out: quiz")
        for number in range(3)
    ]
    pairs = [*many_pairs(), *kept]
    for seed in range(10):
        train, test = datasets.split_by_document(pairs, 0.5, seed)
        assert [item.id for item in test if item.kind == "offtopic"] == ["kept0", "kept1", "kept2"]
        assert sum(item.kind == "offtopic" for item in train) == 20
    with pytest.raises(InvalidInputError, match="held out for testing"):
        datasets.check_disjoint([*many_pairs(), kept[0]], [pair("x", document="x")])


def test_questions_of_no_document_and_no_bank_are_each_by_themselves() -> None:
    alone = [pair(f"i{number}", f"imported thing{number}", evidence=(), document="") for number in range(20)]
    assert len({datasets.group_of(item) for item in alone}) == 20
    train, test = datasets.split_by_document(alone, 0.2, seed=1)
    assert (len(train), len(test)) == (16, 4)


@pytest.mark.parametrize(
    ("train", "test", "named"),
    [
        (pair("a", "What is one?", document="same"), pair("b", "Who is two?", document="same"), "'same'"),
        (
            pair("a", "How many days of holiday do I get?", document="one"),
            pair("b", "how many days of holiday do we get", document="two"),
            "is nearly",
        ),
        (
            pair("a", "What is one?", document="one", quote="Doors close at 20:00."),
            pair("b", "When is it shut?", document="two", quote="Doors close at 20:00"),
            "the evidence",
        ),
    ],
)
def test_leakage_between_given_parts_fails_loudly(train: QAPair, test: QAPair, named: str) -> None:
    with pytest.raises(InvalidInputError, match="Leakage") as raised:
        datasets.check_disjoint([train], [test])
    assert named in raised.value.message


def test_questions_about_one_document_cannot_be_split() -> None:
    with pytest.raises(InvalidInputError, match="cannot be split"):
        datasets.split_by_document([pair("a", "one one"), pair("b", "two two")], 0.2, seed=1)
