import random

import pytest
from rouge_score.rouge_scorer import RougeScorer

from core.types import Evidence
from eval.matching import evidence_quote, fold, holds_keyword, holds_quote, rouge_l, same_source, token_f1

TEXTS = (
    "You get 27 days of leave, and 3 more after ten years.",
    "Leave: 27 days; ten years -> 30 days!",
    "The cat sat on the mat on the cat.",
    "Café müsli costs €4.50 at the canteen",
    "nothing shared here",
    "",
    "???",
)


def test_rouge_l_equals_the_reference_implementation() -> None:
    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    draw = random.Random(5)
    made = [
        " ".join(draw.choices(["the", "a", "leave", "days", "27", "cat", "of", "in"], k=draw.randint(1, 30)))
        for _ in range(40)
    ]
    for one in (*TEXTS, *made):
        for other in (*TEXTS, *made[:10]):
            assert rouge_l(one, other) == pytest.approx(scorer.score(other, one)["rougeL"].fmeasure)


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        ("The 27 days.", "27 days", 1.0),  # articles and punctuation do not count
        ("27 days", "27 days of leave", 2 / 3),  # precision 1, recall 1/2
        ("days days days", "days", 0.5),  # a word counts as often as it stands in both
        ("cats", "dogs", 0.0),
        ("", "", 1.0),
        ("the", "27", 0.0),
    ],
)
def test_token_f1_follows_squad(answer: str, reference: str, expected: float) -> None:
    assert token_f1(answer, reference) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "keyword", "expected"),
    [
        ("It takes 30 days", "3", False),
        ("It takes 3 days", "3", True),
        ("It costs 2.3 euro", "3", False),
        ("Ask HR.", "hr", True),
        ("through", "hr", False),
        ("The insurance-office", "Insurance", True),
    ],
)
def test_a_short_keyword_counts_only_as_a_word(text: str, keyword: str, expected: bool) -> None:
    assert holds_keyword(text, keyword) is expected


def test_a_quote_survives_markdown_and_line_breaks() -> None:
    text = fold("## Leave\nEveryone gets\n**27 days** of [leave](https://x.example/a?b)\u200b.")
    assert holds_quote([text], "everyone gets 27 days of [leave]")


def test_half_of_a_long_quote_is_enough_but_not_of_a_short_one() -> None:
    long = "Parental leave is sixteen weeks for each birth, adoption or foster placement in the family."
    assert holds_quote([fold(long[:50])], long)
    assert not holds_quote([fold("Leave is sixteen")], "Leave is sixteen weeks")


def test_a_row_of_a_csv_file_is_found_in_the_table_that_was_indexed() -> None:
    row = fold("| Item | Price | Note |\n| --- | --- | --- |\n| Hub | 298.00 | Ethernet, and 4G |")
    assert holds_quote([row], evidence_quote(Evidence("prices.csv", 'Hub,298.00,"Ethernet, and 4G"')))
    assert evidence_quote(Evidence("prices.md", "Hub,298.00")) == "Hub,298.00"


def test_an_empty_quote_stands_nowhere() -> None:
    assert not holds_quote(["any text"], "**")


def test_a_source_may_be_named_from_a_folder_further_down() -> None:
    assert same_source("content/hr/leave.md", "hr/leave.md")
    assert not same_source("content/hr/sick-leave.md", "leave.md")
    assert not same_source("", "leave.md")
