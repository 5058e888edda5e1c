from __future__ import annotations

from core.interfaces import Reading
from core.reading import choose, compose, first_hits, read, with_parts
from core.settings import AnsweringSettings
from core.types import Chunk, Hit
from tests.fakes import FakeReranker


def hit(text: str, title: str = "Guide", score: float = 1.0) -> Hit:
    return Hit(Chunk(title, title, f"{title}.md", title, (), text, 0), score)


def test_the_unit_with_the_answer_comes_first() -> None:
    reading = read(
        "what does lunch cost",
        [hit("Breakfast is free. Lunch does cost €6. Dinner is not served.")],
        FakeReranker(),
    )
    assert reading.units[0].unit.text == "Lunch does cost €6."


def test_a_sentence_that_stands_in_two_hits_is_read_once() -> None:
    reading = read("lunch", [hit("Lunch is at noon."), hit("Lunch is at noon.", "Other")], FakeReranker())
    assert [(scored.hit, scored.unit.text) for scored in reading.units] == [(0, "Lunch is at noon.")]


def test_a_question_of_an_faq_is_not_its_own_answer() -> None:
    reading = read("do you refund?", [hit("**Do you refund?** Within 30 days.")], FakeReranker())
    assert [scored.unit.readable() for scored in reading.units] == ["Within 30 days."]


def test_a_single_word_is_no_answer() -> None:
    reading = read("may I park?", [hit("Yes. You may park behind the gate.")], FakeReranker())
    assert [scored.unit.text for scored in reading.units] == ["You may park behind the gate."]


def test_further_units_are_taken_only_where_they_come_close_and_fit() -> None:
    settings = AnsweringSettings(max_sentences=2, max_words=30, unit_margin=1)
    text = "The red pump needs oil. The red pump needs oil weekly. The canteen opens at nine. "
    text += "The red pump needs oil " + "and " * 30 + "care."
    chosen = choose(read("red pump oil", [hit(text)], FakeReranker()), settings)
    assert [scored.unit.text for scored in chosen] == [
        "The red pump needs oil.",
        "The red pump needs oil weekly.",
    ]


def test_items_of_one_list_share_their_lead_in() -> None:
    reading = read(
        "claim meals taxis", [hit("You may claim:\n\n- meals\n- taxis\n- parking")], FakeReranker()
    )
    settings = AnsweringSettings(max_sentences=2)
    assert compose(choose(reading, settings)) == "You may claim: meals [1]; taxis. [2]"


def test_a_table_row_is_answered_with_its_column_names() -> None:
    reading = read(
        "price of basic", [hit("| Plan | Price |\n|---|---|\n| Basic | €10 |\n| Pro | €25 |")], FakeReranker()
    )
    assert compose(choose(reading, AnsweringSettings(max_sentences=1))) == "Plan: Basic; Price: €10. [1]"


def test_an_answer_says_what_answers_each_half_of_a_question() -> None:
    settings = AnsweringSettings(max_sentences=2, unit_margin=1)
    leave, hose = (
        hit("Red leave is thirty days. Red leave is paid leave.", "Leave"),
        hit("Joe mends the hose.", "Hose"),
    )
    whole = read("how long is red leave and who mends the hose", [leave, hose], FakeReranker())
    halves = [
        read(half, [leave, hose] if half.startswith("red") else [hose, leave], FakeReranker())
        for half in ("red leave is thirty", "who mends the hose")
    ]
    assert "Joe" not in compose(choose(whole, settings))
    said = choose(with_parts(whole, halves, 2), settings)
    assert [scored.unit.text for scored in said] == ["Red leave is thirty days.", "Joe mends the hose."]


def test_half_a_question_that_nothing_answers_adds_nothing() -> None:
    leave = hit("Red leave is thirty days.")
    whole = read("red leave", [leave], FakeReranker())
    found = with_parts(whole, [read("who mends the hose", [leave], FakeReranker()), Reading((), ())], 5)
    assert (found.parts, found.hits, found.units) == ((), whole.hits, whole.units)


def test_both_halves_may_be_answered_by_one_passage() -> None:
    both = hit("Red leave is thirty days. Joe mends the hose.")
    whole = read("red leave hose", [both], FakeReranker())
    halves = [read(half, [both], FakeReranker()) for half in ("red leave", "mends the hose")]
    found = with_parts(whole, halves, 5)
    assert [scored.unit.text for scored in found.parts] == [
        "Red leave is thirty days.",
        "Joe mends the hose.",
    ]
    assert first_hits(found, 1) == found
    assert first_hits(found, 0) == Reading((), ())
