import random
import re
import string
from collections import Counter

import pytest
from rouge_score.rouge_scorer import RougeScorer

from core.types import Evidence
from eval.matching import (
    evidence_quote,
    exact_match,
    fold,
    held_numbers,
    holds_keyword,
    holds_quote,
    rouge_l,
    rouge_n,
    same_source,
    token_f1,
)

TEXTS = (
    "You get 27 days of leave, and 3 more after ten years.",
    "Leave: 27 days; ten years -> 30 days!",
    "The cat sat on the mat on the cat.",
    "Café müsli costs €4.50 at the canteen",
    "nothing shared here",
    "",
    "???",
)


def test_rouge_equals_the_reference_implementation() -> None:
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)
    draw = random.Random(5)
    made = [
        " ".join(draw.choices(["the", "a", "leave", "days", "27", "cat", "of", "in"], k=draw.randint(1, 30)))
        for _ in range(40)
    ]
    for one in (*TEXTS, *made):
        for other in (*TEXTS, *made[:10]):
            expected = scorer.score(other, one)
            assert rouge_l(one, other) == pytest.approx(expected["rougeL"].fmeasure)
            assert rouge_n(one, other, 1) == pytest.approx(expected["rouge1"].fmeasure)
            assert rouge_n(one, other, 2) == pytest.approx(expected["rouge2"].fmeasure)


def reference_f1(answer: str, reference: str) -> float:
    """As `f1_score` and `normalize_answer` of SQuAD's evaluate-v1.1.py compute it."""

    def words(text: str) -> list[str]:
        bare = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
        return re.sub(r"\b(a|an|the)\b", " ", bare).split()

    common = Counter(words(answer)) & Counter(words(reference))
    same = sum(common.values())
    if same == 0:
        return 0.0
    precision, recall = same / len(words(answer)), same / len(words(reference))
    return 2 * precision * recall / (precision + recall)


def test_token_f1_equals_the_reference_implementation() -> None:
    draw = random.Random(7)
    words = ["The", "a", "an", "leave,", "days.", "27", "cat's", "of", "in-house", "£4.50", "ten"]
    made = [" ".join(draw.choices(words, k=draw.randint(1, 12))) for _ in range(60)]
    for one in (*TEXTS[:5], *made):
        for other in (*TEXTS[:5], *made):
            if reference_f1(one, one) and reference_f1(
                other, other
            ):  # without words it is 0 with itself there
                assert token_f1(one, other) == pytest.approx(reference_f1(one, other))


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


def squad_normal_form(text: str) -> str:
    """As `normalize_answer` of SQuAD's evaluate-v1.1.py, written out from its four steps."""

    def without_punctuation(text: str) -> str:
        return "".join(letter for letter in text if letter not in set(string.punctuation))

    return " ".join(re.sub(r"\b(a|an|the)\b", " ", without_punctuation(text.lower())).split())


def test_exact_match_follows_squad() -> None:
    texts = (*TEXTS, "The cat, sat on a mat", "cat sat on mat", "An  apple-pie", "applepie", "a")
    for one in texts:
        for other in texts:
            assert exact_match(one, other) == (squad_normal_form(one) == squad_normal_form(other))
    assert exact_match("27 days. [1]", "the 27 days")


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        ("You get 27 days.", "27 days, or 30 after ten years", 1 / 3),
        ("twenty days [3]", "3 of 20", 0.5),
        ("1,000 euro", "1000 euro", 1.0),
        ("Some days.", "No figure here", None),
    ],
)
def test_numbers_of_the_reference_are_looked_for(answer: str, reference: str, expected: float | None) -> None:
    assert held_numbers(answer, reference) == (expected if expected is None else pytest.approx(expected))
