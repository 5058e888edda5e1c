from __future__ import annotations

import pytest

from service.benchmarks.semantic_cache import PAIRS, judge, read_rows, summary
from service.likeness import sense_of
from tests.fakes import FakeEmbedder

ROWS = list(read_rows(PAIRS))


def agree(first: str, second: str) -> bool:
    return sense_of(first).agrees(sense_of(second))


def test_there_are_enough_pairs_of_both_sorts_and_none_twice() -> None:
    assert sum(not row["same"] for row in ROWS) >= 150
    assert sum(row["same"] for row in ROWS) >= 100
    assert len({(row["first"], row["second"]) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("half", ["tuned", "held_out"])
def test_no_near_miss_agrees(half: str) -> None:
    agreeing = [
        row for row in ROWS if row["half"] == half and not row["same"] and agree(row["first"], row["second"])
    ]
    assert agreeing == []


def test_many_paraphrases_agree() -> None:
    agreeing = [row for row in ROWS if row["same"] and agree(row["first"], row["second"])]
    assert len(agreeing) >= 45


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("How many days of annual leave do I get per year?", "hi, how many vacation days do we get a year"),
        ("In Germany, how many sick days are paid?", "How many sick days are paid in Germany?"),
        ("Can I work from home on Fridays?", "Am I allowed to work remotely on Friday?"),
        ("Wie viele Urlaubstage habe ich?", "wie viele urlaubstage  habe ich"),
        ("Where’s the IT help desk?", "where is the IT help desk"),
        ("Can I return it after fourteen days?", "Can I return it after 14 days?"),
        ("How many days may I work abroad in a year?", "How many days may we work abroad each year?"),
        ("Do I get paid twice a month?", "Do I get paid twice per month?"),
        ("Where is ﬁle １２?", "Where is file 12?"),
    ],
)
def test_the_same_in_other_words_agrees_both_ways(first: str, second: str) -> None:
    assert agree(first, second)
    assert agree(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Wie viele Urlaubstage habe ich?", "Wie viele Urlaubstage habe ich nicht?"),
        ("Is the May report out?", "May the report be out?"),
        ("Who is in IT?", "Who is in it?"),
        ("Are holidays paid?", "Is vacation paid?"),
        ("How many days do I have?", "How many days do I get?"),
        ("Do customers send invoices?", "Do we send customers invoices?"),
        ("What is the price of C?", "What is the price of C++?"),
        ("Can I work from abroad a month?", "Can I work from abroad every month?"),
        ("Can I take a year off?", "Can I take every year off?"),
        ("Can I leave in a month?", "Can I leave a month?"),
        ("Can I get an advance for a week?", "Can I get an advance a week?"),
        ("How often do I get a week off?", "How often do I get every week off?"),
        ("How much notice must I give?", "How much notice must you give?"),
        ("How much notice do I have to give?", "How much notice do you have to give?"),
        ("Can we terminate my contract?", "Can you terminate my contract?"),
        ("Am I allowed to read emails?", "Are you allowed to read emails?"),
        ("How do I pay for overtime?", "How do you pay for overtime?"),
        ("May the lift take 10² kg?", "May the lift take 102 kg?"),
        ("What is 1½ times the pay?", "What is 11⁄2 times the pay?"),
        ("", ""),
        ("???", "!!!"),
        ("有多少天假期？", "有多少天病假？"),
    ],
)
def test_what_differs_in_one_word_or_says_nothing_does_not_agree(first: str, second: str) -> None:
    assert not agree(first, second)
    assert not agree(second, first)


def test_every_question_agrees_with_itself() -> None:
    assert [row["first"] for row in ROWS if not agree(row["first"], row["first"])] == []


def test_the_summary_counts_hits_of_both_halves() -> None:
    report = summary(judge(ROWS, FakeEmbedder()), similarity=0.0)
    assert report["held_out"]["false_hits"] == report["tuned"]["false_hits"] == 0
    assert report["held_out"]["near_misses"] + report["tuned"]["near_misses"] >= 150
