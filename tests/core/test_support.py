from __future__ import annotations

import pytest

from core.interfaces import Reading
from core.reading import read
from core.support import Beginning, cited, flips, numbers, verbatim_units
from core.types import Chunk, Hit
from tests.fakes import FakeReranker

TEXT = (
    "Employees may claim up to €45 a day for meals. Alcohol is never reimbursed. "
    "Interns have 20 days of unpaid leave. The notice period is 1,500 hours or nine weeks. "
    "Trains are booked by the travel desk in Leeds. Flights need approval of the director."
)


@pytest.fixture
def reading() -> Reading:
    return read("meals", [Hit(Chunk("c", "d", "d.md", "Expenses", (), TEXT, 0), 1.0)], FakeReranker())


def quotes(text: str, reading: Reading) -> list[str]:
    """The units that the text rests on up to the first sentence that rests on none."""
    sentences = Beginning(reading).of(text, ended=True)
    return [scored.unit.text for sentence in sentences for scored in sentence.units]


def test_a_sentence_in_the_words_of_a_passage_is_supported_by_it(reading: Reading) -> None:
    found = quotes("You may claim up to €45 a day for meals [1].", reading)
    assert found == ["Employees may claim up to €45 a day for meals."]


def test_a_sentence_may_rest_on_two_units(reading: Reading) -> None:
    said = "The travel desk books trains; flights need approval of the director."
    assert len(quotes(said, reading)) == 2


def test_a_text_ends_before_the_first_invented_sentence(reading: Reading) -> None:
    said = "Alcohol is never reimbursed. Taxis cost nothing on Sundays. Flights need approval."
    assert quotes(said, reading) == ["Alcohol is never reimbursed."]
    assert quotes(said.partition(". ")[2], reading) == []


def test_a_sentence_counts_once_the_next_one_has_begun(reading: Reading) -> None:
    beginning, whole = Beginning(reading), "Alcohol is never reimbursed. Taxis are free. Trains are booked."
    lengths = [len(beginning.of(whole[:end], ended=False)) for end in range(len(whole) + 1)]
    assert lengths == sorted(lengths)
    assert lengths.index(1) > len("Alcohol is never reimbursed.")
    assert beginning.over
    assert lengths[-1] == len(beginning.of(whole, ended=True)) == 1


@pytest.mark.parametrize("text", ["a", "It is for you. A!", "\ufffd a \ufffd 4", "7.", "[1]", ""])
def test_a_text_that_says_nothing_is_not_supported(text: str, reading: Reading) -> None:
    assert quotes(text, reading) == []


@pytest.mark.parametrize(
    "text",
    [
        "Employees may claim up to €54 a day for meals.",
        "Employees may claim up to €45 a day for 3 meals.",
        "Employees may claim up to €4 a day for meals.",
        "Employees may claim up to €45.50 a day for meals.",
        "Employees may claim up to sixty a day for meals.",
        "45.5 for meals. Employees may claim meals a day.",
    ],
)
def test_a_number_that_the_unit_does_not_hold_is_refused(text: str, reading: Reading) -> None:
    assert quotes(text, reading) == []


@pytest.mark.parametrize(
    "text", ["The notice period is 1500 hours or 9 weeks.", "The notice period is nine weeks."]
)
def test_a_number_may_be_written_in_another_way(text: str, reading: Reading) -> None:
    assert quotes(text, reading) == ["The notice period is 1,500 hours or nine weeks."]


@pytest.mark.parametrize(
    "text",
    [
        "Alcohol is always reimbursed.",
        "Alcohol is reimbursed.",
        "Employees may not claim up to €45 a day for meals.",
        "Employees can't claim up to €45 a day for meals.",
        "Interns have 20 days of paid leave.",
        "Trains are never booked by the travel desk in Leeds.",
    ],
)
def test_a_sentence_that_denies_what_its_unit_says_is_refused(text: str, reading: Reading) -> None:
    assert quotes(text, reading) == []


@pytest.mark.parametrize("text", ["Alcohol is not reimbursed.", "Alcohol is never reimbursed!"])
def test_a_denial_that_its_unit_makes_too_is_kept(text: str, reading: Reading) -> None:
    assert quotes(text, reading) == ["Alcohol is never reimbursed."]


def test_a_denial_in_another_clause_of_the_unit_does_not_count() -> None:
    assert not flips(
        "Laptops are replaced after 3 years.", "Laptops are replaced after 3 years, but phones are not."
    )
    assert flips("Phones are replaced.", "Laptops are replaced after 3 years, but phones are not replaced.")


def test_numbers_are_read_in_digits_and_words() -> None:
    assert numbers("At 9:30 pay 1,500.25 or 1.500, twelve times; one day") == {
        "9:30",
        "1500.25",
        "1500",
        "12",
    }


def test_marks_are_numbered_by_the_quotes_whatever_the_model_wrote(reading: Reading) -> None:
    said = "Alcohol is never reimbursed [4]. Trains are booked by the travel desk. [2, 3]"
    text, found = cited(Beginning(reading).of(said, ended=True))
    assert text == "Alcohol is never reimbursed. [1] Trains are booked by the travel desk. [2]"
    assert [scored.unit.text.split()[0] for scored in found] == ["Alcohol", "Trains"]


def test_verbatim_takes_whole_units_and_nothing_else(reading: Reading) -> None:
    assert verbatim_units("Alcohol is never reimbursed. [1] Flights need approval of the director.", reading)
    assert verbatim_units("Alcohol is not reimbursed.", reading) is None
    assert verbatim_units("Employees may claim up to €45 a day.", reading) is None
    assert verbatim_units("", reading) is None
