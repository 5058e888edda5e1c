"""Imports over a real index of a small handbook."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigurationError, InvalidInputError
from core.settings import Settings
from core.types import Evidence, Message, QAPair
from finetune import datasets, formats, importing, rows
from finetune.formats import FORMATS, Format
from finetune.importing import ImportReport, import_qa
from tests.finetune.building import SmallInhouse, chunk, handbook, small_inhouse

LEAVE = ("How much time off do I get?", "Full-time staff get 27 days of paid annual leave per calendar year.")
LEAVE_QUOTE = "Everyone who works full time receives 27 days of paid annual leave per calendar year."
DINNER = ("What may I spend on dinner?", "Dinner is limited to €35.")
SAUNA = ("Is there a sauna?", "Yes, the sauna on the roof opens at noon.")


@pytest.fixture(scope="module")
def inhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallInhouse]:
    with small_inhouse(tmp_path_factory.mktemp("data"), handbook()) as wired:
        yield wired


def write_jsonl(path: Path, *read: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in read), encoding="utf-8")
    return path


def write_qa(path: Path, *said: tuple[str, str]) -> Path:
    return write_jsonl(path, *({"question": asked, "answer": answer} for asked, answer in said))


def imported(
    inhouse: SmallInhouse, path: Path, *more: Path, **options: Any
) -> tuple[list[QAPair], ImportReport]:
    names = [str(path), *map(str, more)]
    report = import_qa(inhouse.settings, names, out=path.with_name("out.jsonl"), **options)
    return datasets.load(report.dataset), report


def test_evidence_is_the_verbatim_sentence_that_holds_the_answer(
    inhouse: SmallInhouse, tmp_path: Path
) -> None:
    (leave, dinner), report = imported(inhouse, write_qa(tmp_path / "qa.jsonl", LEAVE, DINNER))
    assert leave.evidence == (Evidence("time-off.md", LEAVE_QUOTE),)
    assert (leave.document_id, leave.chunk_id, leave.kind) == ("time-off", "time-off-0", "answerable")
    assert dinner.evidence == (Evidence("travel.md", "| Dinner | €35 | back after 20:00 |"),)
    assert (report.grounded, report.ungrounded) == (2, 0)


def test_an_answer_that_no_document_holds_is_kept_and_counted(inhouse: SmallInhouse, tmp_path: Path) -> None:
    path = write_qa(tmp_path / "qa.jsonl", LEAVE, SAUNA, ("Who?", f"{LEAVE[1]} {SAUNA[1]}"))
    pairs, report = imported(inhouse, path)
    assert [datasets.is_grounded(pair) for pair in pairs] == [True, False, False]
    assert (report.grounded, report.ungrounded, report.dropped) == (1, 2, {})


def test_only_what_is_grounded_where_asked(inhouse: SmallInhouse, tmp_path: Path) -> None:
    pairs, report = imported(inhouse, write_qa(tmp_path / "qa.jsonl", LEAVE, SAUNA), grounded_only=True)
    assert [pair.question for pair in pairs] == [LEAVE[0]]
    assert report.dropped == {importing.UNGROUNDED: 1}


def test_an_answer_is_grounded_in_one_passage_where_one_holds_all_of_it(
    inhouse: SmallInhouse, tmp_path: Path
) -> None:
    one = ("And meals?", "Lunch is limited to €18. Dinner is limited to €35.")
    several = (
        "And dogs and meals?",
        "You can bring a dog to the office on Fridays. Dinner is limited to €35.",
    )
    (alone, both), _ = imported(inhouse, write_qa(tmp_path / "qa.jsonl", one, several))
    assert {item.source for item in alone.evidence} == {"travel.md"}
    assert (alone.kind, both.kind) == ("answerable", "multi")
    assert {item.source for item in both.evidence} == {"office.md", "travel.md"}


def test_a_later_sentence_of_an_answer_need_not_speak_of_the_question(
    inhouse: SmallInhouse, tmp_path: Path
) -> None:
    ill = "If you fall ill during a holiday, report it and the days go back on your balance."
    both = ("How many days of paid annual leave?", f"27 days of paid annual leave per calendar year. {ill}")
    elsewhere = ("Do I get breakfast?", ill)
    (answered, unrelated), _ = imported(inhouse, write_qa(tmp_path / "qa.jsonl", both, elsewhere))
    assert [item.quote for item in answered.evidence] == [LEAVE_QUOTE, ill]
    assert unrelated.evidence == ()


def test_much_code_is_no_evidence_for_anything(tmp_path: Path) -> None:
    lines = " ".join(f"open the kiln of hall {number} with care" for number in range(9))
    code = chunk(f"```\n{lines}\n```\n\nRun it with care.", source="code.md", title="Kilns")
    with small_inhouse(tmp_path / "data", [code]) as wired:
        said = ("How do I open a kiln?", "Open the kiln of hall 3 with care.")
        (pair,), _ = imported(wired, write_qa(tmp_path / "qa.jsonl", said))
    assert pair.evidence == ()


def test_without_an_index_everything_is_ungrounded(tmp_path: Path) -> None:
    report = import_qa(Settings(data_dir=tmp_path), [str(write_qa(tmp_path / "qa.jsonl", LEAVE, DINNER))])
    assert (report.dataset, report.ungrounded) == (tmp_path / "datasets" / "imported.jsonl", 2)


def test_rows_are_dropped_with_their_reason_and_repeats_once(inhouse: SmallInhouse, tmp_path: Path) -> None:
    path = write_jsonl(
        tmp_path / "mixed.jsonl",
        {"question": LEAVE[0], "answer": LEAVE[1]},
        {"instruction": LEAVE[0], "response": LEAVE[1]},
        {"question": "Why?", "answer": ""},
        {"title": "nothing"},
        {"text": "no marks"},
    )
    pairs, report = imported(inhouse, path)
    assert [pair.question for pair in pairs] == [LEAVE[0]]
    assert report.rows == 5
    assert report.formats == {"instruction": 1, "question-answer": 1}
    assert report.dropped == {
        importing.REPEATED: 1,
        formats.EMPTY: 1,
        formats.UNKNOWN_COLUMNS: 1,
        formats.UNMARKED_TEXT: 1,
    }


def test_answers_that_decline_make_refusals_in_the_wording_of_the_settings(
    inhouse: SmallInhouse, tmp_path: Path
) -> None:
    assistant = inhouse.settings.assistant
    own = assistant.no_answer.format(purpose=assistant.purpose)
    said = [
        ("Why do we dream?", "Let’s stay with Acme, please."),
        ("What is the CEO's salary?", own),
        LEAVE,
    ]
    pairs, report = imported(
        inhouse, write_qa(tmp_path / "qa.jsonl", *said), off_topic=["let's stay with acme"]
    )
    assert report.kinds == {"answerable": 1, "offtopic": 1, "unanswerable": 1}
    assert pairs[0].answer == assistant.off_topic.format(purpose=assistant.purpose)
    assert pairs[1].answer == own


def test_an_answer_that_many_questions_share_is_told(inhouse: SmallInhouse, tmp_path: Path) -> None:
    said = [(f"What about {number}?", "Ask me about Acme.") for number in range(10)]
    _, report = imported(inhouse, write_qa(tmp_path / "qa.jsonl", *said, LEAVE))
    assert report.shared_answers == {"Ask me about Acme.": 10}


def test_own_pairs_keep_their_evidence_and_find_their_chunk(inhouse: SmallInhouse, tmp_path: Path) -> None:
    evidence = (Evidence("time-off.md", LEAVE_QUOTE),)
    pairs = [
        QAPair("log-1", "answerable", LEAVE[0], "27 days", evidence, ("27",), method="file"),
        QAPair("o-1", "offtopic", "Tell me a joke.", method="bank: jokes"),
        QAPair("log-1", "answerable", "Another one?", "27 days", evidence, ("27",), method="file"),
    ]
    path = tmp_path / "pairs.jsonl"
    datasets.save(path, pairs)
    found, _ = imported(inhouse, path)
    assert (found[0].chunk_id, found[0].evidence, found[0].keywords) == ("time-off-0", evidence, ("27",))
    assert found[1] == pairs[1]
    assert [pair.id for pair in found] == ["log-1", "o-1", "log-1-2"]


def conversation() -> QAPair:
    history = (Message("user", LEAVE[0]), Message("assistant", LEAVE[1]))
    return QAPair("f", "followup", "And part-time?", "In proportion.", history=history)


@pytest.mark.parametrize("form", FORMATS[1:])
@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_a_data_set_goes_out_in_a_format_and_comes_back(
    inhouse: SmallInhouse, tmp_path: Path, form: Format, suffix: str
) -> None:
    awkward = ('Which; signs, are\t"odd"?\nAnd\u2028this?', 'All, of; "them".\r\nReally: é, €.')
    path = write_qa(tmp_path / "qa.jsonl", LEAVE, awkward)
    out = tmp_path / f"out{suffix}"
    import_qa(inhouse.settings, [str(path)], out=out, form=form)
    pairs, report = imported(inhouse, out)
    assert report.formats == {form: 2}
    assert [(pair.question, pair.answer.replace("\r\n", "\n")) for pair in pairs] == [
        LEAVE,
        (awkward[0], awkward[1].replace("\r\n", "\n")),
    ]


def test_a_question_that_leans_on_its_conversation_goes_out_in_messages_alone(
    inhouse: SmallInhouse, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.jsonl"
    datasets.save(path, [conversation(), QAPair("a", "answerable", *LEAVE)])
    flat = import_qa(inhouse.settings, [str(path)], out=tmp_path / "flat.csv", form="alpaca")
    assert (flat.kinds, flat.dropped) == ({"answerable": 1}, {importing.NEEDS_HISTORY: 1})
    chat = import_qa(inhouse.settings, [str(path)], out=tmp_path / "chat.jsonl", form="messages")
    assert chat.kinds == {"answerable": 1, "followup": 1}


def test_evidence_does_not_fit_into_csv(inhouse: SmallInhouse, tmp_path: Path) -> None:
    path = write_qa(tmp_path / "qa.jsonl", LEAVE)
    with pytest.raises(InvalidInputError, match=r"\.jsonl"):
        import_qa(inhouse.settings, [str(path)], out=tmp_path / "out.csv")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_of_any_delimiter_is_read(inhouse: SmallInhouse, tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "qa.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([("Question", "Answer"), LEAVE, DINNER])
    pairs, _ = imported(inhouse, path)
    assert [pair.question for pair in pairs] == [LEAVE[0], DINNER[0]]


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_json_list_is_read(inhouse: SmallInhouse, tmp_path: Path, wrapped: bool) -> None:
    content = [{"input": LEAVE[0], "output": LEAVE[1]}]
    path = tmp_path / "qa.json"
    path.write_text(json.dumps({"version": 1, "data": content} if wrapped else content))
    pairs, _ = imported(inhouse, path)
    assert [pair.answer for pair in pairs] == [LEAVE[1]]


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("none.jsonl", None, "no dataset at"),
        ("bad.jsonl", b'{"question": 1}\n{oops\n', "line 2: not valid JSON"),
        ("list.jsonl", b"[1]\n", "line 1: not a JSON object"),
        ("binary.jsonl", b"\xff\xfe\x00", "UTF-8"),
        ("other.csv", b"title,body\na,b\n", "columns title, body"),
        ("empty.csv", b"", "columns none"),
        ("empty.jsonl", b"\n", "they are empty"),
        ("useless.jsonl", b'{"question": "a", "answer": ""}', f"1 {formats.EMPTY}"),
        ("pairs.jsonl", b'{"id": "1", "kind": "riddle", "question": "a"}', "row 1: the kind 'riddle'"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_fault(
    inhouse: SmallInhouse, tmp_path: Path, name: str, content: bytes | None, fault: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInputError) as raised:
        import_qa(inhouse.settings, [str(tmp_path / name)], out=tmp_path / "out.jsonl")
    assert fault in raised.value.message
    assert not (tmp_path / "out.jsonl").exists()


def test_a_folder_of_the_datasets_library_goes_out_and_comes_back(
    inhouse: SmallInhouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    source = write_qa(tmp_path / "qa.jsonl", LEAVE, SAUNA)
    import_qa(inhouse.settings, [str(source)], out=folder, form="messages")
    pairs, report = imported(inhouse, folder)
    assert [(pair.question, pair.answer) for pair in pairs] == [LEAVE, SAUNA]
    assert report.formats == {"messages": 2}


def test_a_split_is_chosen_and_an_unknown_one_is_named(inhouse: SmallInhouse, tmp_path: Path) -> None:
    import datasets as library

    def part(said: Sequence[tuple[str, str]]) -> Any:
        return library.Dataset.from_list([{"question": asked, "answer": answer} for asked, answer in said])

    folder = tmp_path / "splits"
    library.DatasetDict({"train": part([LEAVE]), "test": part([SAUNA])}).save_to_disk(str(folder))
    assert [row["question"] for row in rows.read_rows(str(folder), "test")] == [SAUNA[0]]
    with pytest.raises(InvalidInputError, match="train"):
        rows.read_rows(str(folder), "validation")


def test_a_hub_that_cannot_be_reached_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets as library

    monkeypatch.setattr(library.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigurationError, match="cannot be fetched from the Hugging Face hub"):
        rows.read_rows("inhouse-tests/no-such-data-set")


def test_a_hub_id_is_told_from_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert rows.is_hub_id("owner/name")
    assert not any(
        map(rows.is_hub_id, ("owner/name.jsonl", "name", "a/b/c", "/owner/name", "", "data/qa.csv"))
    )
    (tmp_path / "owner" / "name").mkdir(parents=True)
    assert not rows.is_hub_id("owner/name")
