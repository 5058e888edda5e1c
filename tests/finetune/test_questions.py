"""What each maker asks, before the wording is made everyday."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from finetune.questions import definitions, facts, faq, headings, lists, rules, statements, tables
from finetune.questions.passage import Candidate, Passage
from finetune.questions.ranges import value_within
from tests.finetune.building import chunk

Maker = Callable[[Passage, random.Random], Iterator[Candidate]]


def asked(maker: Maker, text: str, *headings_: str, title: str = "Guide") -> dict[str, Candidate]:
    """Every question that 40 seeds bring about."""
    passage = Passage.of(chunk(text, headings=headings_, title=title))
    return {item.question: item for seed in range(40) for item in maker(passage, random.Random(seed))}


def ask_faq(text: str, *headings_: str) -> list[Candidate]:
    return list(faq.questions(Passage.of(chunk(text, headings=headings_))))


def test_a_question_heading_is_answered_by_its_section() -> None:
    (made,) = ask_faq("Yes, on Fridays. Ask Lotte first. Others may object.", "Can I bring my dog?")
    assert made.question == "Can I bring my dog?"
    assert made.evidence == ("Yes, on Fridays.", "Ask Lotte first.")
    assert made.human


def test_a_bold_question_is_answered_up_to_the_next_one() -> None:
    text = "**May I leave early?** Yes, by agreement.\n\n**Can I come in late?** No, never ever."
    assert [(made.question, made.evidence) for made in ask_faq(text, "Common questions")] == [
        ("May I leave early?", ("Yes, by agreement.",)),
        ("Can I come in late?", ("No, never ever.",)),
    ]


def test_a_list_item_and_a_table_row_can_hold_a_question() -> None:
    items = ask_faq("- How fast is it? Within two days of the order.\n- Fine print applies.")
    rows = ask_faq("| Question | Answer |\n|---|---|\n| Who pays for the taxi? | The company |")
    assert [(made.question, made.answer) for made in items + rows] == [
        ("How fast is it?", "Within two days of the order."),
        ("Who pays for the taxi?", "The company"),
    ]


@pytest.mark.parametrize(
    "text", ["No Gate in the building? Guide the caller.", "Ready? Then start.", "Questions?"]
)
def test_a_fragment_with_a_question_mark_is_no_question(text: str) -> None:
    assert ask_faq(f"- {text}", "Common questions") == []


@pytest.mark.parametrize(
    ("heading", "text", "expected"),
    [
        (
            "Eligibility",
            "All employees are eligible after three months.",
            "Who is eligible for parental leave?",
        ),
        ("Contact", "Write to people@acme.example.", "Who do I contact about parental leave?"),
        ("How to apply", "Fill in the form in Roster.", "How do I apply for parental leave?"),
        ("Asking for leave", "1. Enter the request in Roster.\n2. Wait.", "How do I ask for leave?"),
        ("If you lose your badge", "Call reception at once.", "What do I do if I lose my badge?"),
        ("When something breaks", "Bring it to the desk.", "What do I do if something breaks?"),
    ],
)
def test_a_heading_becomes_the_question_that_its_section_answers(
    heading: str, text: str, expected: str
) -> None:
    assert expected in asked(headings.questions, text, "Parental leave", heading)


def test_a_heading_is_not_asked_where_its_section_says_nothing_of_it() -> None:
    assert asked(headings.questions, "See the intranet.", "Parental leave", "Deadlines") == {}


TABLE = """| Situation | Days | Approver | Contact |
|---|---|---|---|
| Moving house | 1 | team lead | people@acme.example |
| Your own wedding | 2 | Saskia Tol | people@acme.example |"""


def test_a_table_row_is_asked_for_by_the_kind_of_its_columns() -> None:
    made = asked(tables.questions, TABLE)
    assert made["How many days do I get for moving house?"].keywords == ("1",)
    assert made["Who approves own wedding?"].evidence == (
        "| Your own wedding | 2 | Saskia Tol | people@acme.example |",
    )
    assert made["How many days do I get for moving house?"].answer.startswith("Situation: Moving house")


def test_a_range_is_asked_for_by_somebody_inside_it() -> None:
    service = "| Years at Acme | Extra days |\n|---|---|\n| 0 to 4 | 0 |\n| 5 to 9 | 2 |"
    money = "| Amount | Approver |\n|---|---|\n| up to €500 | team lead |\n| above €500 | director |"
    questions = [*asked(tables.questions, service), *asked(tables.questions, money)]
    assert "I have been here for 7 years, how many extra days do I get?" in questions
    assert any(question.startswith("Who approves a purchase of €") for question in questions)
    assert not any("5 to 9" in question or "up to" in question for question in questions)


@pytest.mark.parametrize(
    ("label", "low", "high"),
    [
        ("5 to 9", 5, 9),
        ("€500 to €2,500", 500, 2500),
        ("above €2,500", 2501, 5000),
        ("15 or more", 15, 30),
        ("up to €500", 100, 499),
        ("More than 10 years", 11, 25),
        ("0–4 years", 1, 4),
    ],
)
def test_a_value_lies_inside_its_range(label: str, low: int, high: int) -> None:
    for seed in range(50):
        value = value_within(label, random.Random(seed))
        assert value is not None
        assert low <= value.number <= high


@pytest.mark.parametrize("label", ["Breakfast", "QM-400", "1 May", "9 to 5 rule", "4 to 4"])
def test_a_label_that_is_no_range_has_no_value(label: str) -> None:
    assert value_within(label, random.Random(1)) is None


def test_people_are_found_by_what_they_are_asked_about() -> None:
    text = (
        "| name | role | ask_about |\n|---|---|---|\n| Ilse Verhoorn | Chief Executive | press statements |"
    )
    made = asked(tables.questions, text)
    assert made["Who can I ask about press statements?"].keywords == ("Ilse Verhoorn",)
    assert made["Who is the chief executive?"].keywords == ("Ilse Verhoorn",)


def test_an_attribute_table_is_asked_for_by_its_columns() -> None:
    text = (
        "| Feature | Basic | Plus |\n|---|---|---|\n| Storage | 5 GB | 50 GB |\n| Night support | no | yes |"
    )
    made = asked(tables.questions, text)
    assert made["What is the storage of the Plus?"].keywords == ("50 GB",)
    assert "Does the Basic have night support?" in made


def test_rows_with_the_same_label_are_not_asked_for() -> None:
    assert asked(tables.questions, "| Name | Price |\n|---|---|\n| Drop | €3 |\n| Drop | €4 |") == {}


def test_an_item_with_a_bold_term_is_asked_for_with_its_section() -> None:
    made = asked(lists.questions, "- **Own car:** €0.23 per kilometre, plus parking.", "Travel")
    assert "travel: how much for own car?" in made
    assert {item.evidence for item in made.values()} == {("**Own car:** €0.23 per kilometre, plus parking.",)}


def test_a_glossary_item_is_asked_for_by_its_meaning() -> None:
    made = asked(lists.questions, "- BHV: the emergency response team of a site.", "A to Z", title="Glossary")
    assert "What does BHV mean?" in made


@pytest.mark.parametrize(
    ("heading", "text", "expected", "keyword"),
    [
        ("Gifts", "You may accept a gift worth up to €50 per year.", "What's the limit for gifts?", "€50"),
        (
            "Carrying days over",
            "You may take up to 6 days along.",
            "Is there a limit if I want to carry days over?",
            "6 days",
        ),
        ("Claims", "Submit claims within 30 days.", "What's the deadline for claims?", "30 days"),
        ("Backups", "Backups are checked every month.", "How often is that for backups?", ""),
        ("Printers", "The printers stand in room 1.07 now.", "where do I find printers", "room 1.07"),
    ],
)
def test_a_fact_is_asked_for_by_the_subject_of_its_section(
    heading: str, text: str, expected: str, keyword: str
) -> None:
    made = {question.lower(): item for question, item in asked(facts.questions, text, heading).items()}
    assert made[expected.lower()].keywords == ((keyword,) if keyword else ())


def test_a_fact_of_which_the_section_has_two_is_not_asked_for() -> None:
    assert (
        asked(facts.questions, "You get up to €50 for gifts. You get up to €90 for lunches.", "Gifts") == {}
    )


def test_a_fact_about_something_else_is_not_asked_for() -> None:
    assert asked(facts.questions, "A third key costs the department €35.", "Second factor") == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Do not let family members use your laptop.", "Can I let family members use my laptop?"),
        ("You must return the badge before you leave.", "Do I have to return the badge?"),
        ("Employees may work in another country for 20 days.", "Can I work in another country?"),
        ("Alcohol is not paid, except with customers.", "Do I get alcohol paid?"),
        (
            "If you fall ill during a holiday, report it the same way.",
            "What happens if I fall ill during a holiday?",
        ),
    ],
)
def test_a_rule_is_what_somebody_asks_before_acting(text: str, expected: str) -> None:
    assert expected in asked(rules.questions, text)


@pytest.mark.parametrize(
    "text",
    ["You must not store them there.", "You may choose between A and B.", "If it does, call us today."],
)
def test_a_rule_that_refers_back_is_not_asked_for(text: str) -> None:
    assert asked(rules.questions, text) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Everyone receives 27 days of annual leave.", "How many days of annual leave do I get?"),
        ("Your probation lasts two months.", "How long does your probation take?"),
        ("The roof terrace opens in April.", "When does the roof terrace open?"),
        ("Invoices are checked by the finance team.", "Who are invoices checked by?"),
        ("Laptops are replaced after 4 years.", "When are laptops replaced?"),
        ("A lost receipt can be replaced by a statement.", "Can a lost receipt be replaced?"),
        ("There is no night shift.", "Is there a night shift?"),
        ("There are 74 desks for 92 people.", "How many desks are there?"),
        ("Your team lead agrees a pattern with you.", "Who agrees a pattern with me?"),
        ("The printers are kept in the hall.", "Where do I find the printers?"),
    ],
)
def test_a_statement_is_turned_round(text: str, expected: str) -> None:
    questions = {
        question.replace("my probation", "your probation") for question in asked(statements.questions, text)
    }
    assert expected in questions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Roster is the system that keeps leave.", "What does roster mean?"),
        ("Hanna Bloem is our Data Protection Lead since May.", "Who is Hanna Bloem?"),
        ("In 2012 Acme opened the factory.", "When did Acme open the factory?"),
        ("Acme was founded by Ilse in 2009.", "When was acme founded by Ilse?"),
    ],
)
def test_a_definition_and_an_event_are_asked_for(text: str, expected: str) -> None:
    assert expected in asked(definitions.questions, text)


@pytest.mark.parametrize(
    ("verb", "base"),
    [
        ("opened", "open"),
        ("moved", "move"),
        ("stopped", "stop"),
        ("introduced", "introduce"),
        ("bought", "buy"),
    ],
)
def test_the_base_form_of_a_past(verb: str, base: str) -> None:
    assert definitions.base_form(verb) == base
