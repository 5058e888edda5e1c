from __future__ import annotations

import pytest

from core.twins import merge_twins
from core.types import Chunk, Hit

POLICY = "Employees may carry five days of unused leave into the next year with the consent of their manager."


def hit(name: str, text: str, score: float) -> Hit:
    return Hit(Chunk(name, name, f"{name}.md", name, (), text, 0), score)


def test_a_copy_is_kept_once_and_named() -> None:
    copy = POLICY.replace("Employees", "EMPLOYEES").replace("leave", "**leave**")
    merged = merge_twins([hit("a", POLICY, 3), hit("b", "Something else entirely.", 2), hit("c", copy, 1)])
    assert [found.chunk.id for found in merged] == ["a", "b"]
    assert [twin.source for twin in merged[0].twins] == ["c.md"]
    assert merged[1].twins == ()


@pytest.mark.parametrize(("here", "there"), [("five", "4"), ("their manager", "Ms Okafor"), ("25", "30")])
def test_another_number_or_name_in_a_long_rule_is_another_rule(here: str, there: str) -> None:
    rule = POLICY * 4 + " It ends after 25 days."
    merged = merge_twins([hit("a", rule, 2), hit("b", rule.replace(here, there, 1), 1)])
    assert [found.twins for found in merged] == [(), ()]


def test_a_longer_page_that_holds_the_text_is_no_twin() -> None:
    longer = POLICY + " Whoever joined this year asks the people team first, and gets an answer in a week."
    assert len(merge_twins([hit("a", POLICY, 2), hit("b", longer, 1)])) == 2


def test_texts_without_words_are_no_twins() -> None:
    assert len(merge_twins([hit("a", "---", 2), hit("b", "***", 1)])) == 2
