from __future__ import annotations

import pytest

from core.acronyms import Acronyms, explained

ACRONYMS = Acronyms.of(
    [
        ("PTO", "paid time off"),
        ("DRI", "directly responsible individuals"),
        ("DRI", "directly responsible individual"),
        ("DRI", "directly responsible individual"),
        ("IT", "information technology"),
        ("GTM", "go to market"),
        ("GTM", "google tag manager"),
        ("GTM", "go to market"),
    ]
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ask about paid time off (PTO) early.", [("PTO", "paid time off")]),
        ("PTO (paid time off) is yours.", [("PTO", "paid time off")]),
        ("| PTO | Paid time off |", [("PTO", "paid time off")]),
        ("GA: General Availability. More.", [("GA", "general availability")]),
        ("DRI stands for Directly Responsible Individual", [("DRI", "directly responsible individual")]),
        ("Each has Directly Responsible Individuals (DRIs).", [("DRI", "directly responsible individuals")]),
        ("Infrastructure-as-Code (IaC)", [("IaC", "infrastructure as code")]),
        ("a principle of least privilege (PoLP)", [("PoLP", "principle of least privilege")]),
        ("center for internet security (CIS)", [("CIS", "center for internet security")]),
    ],
)
def test_what_a_text_explains_is_found(text: str, found: list[tuple[str, str]]) -> None:
    assert explained(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "Amber Nocerino (EBP) will help.",  # other words
        "Book it with us (US) or with them.",  # one word is no explanation
        "The gateway (VPN) is down. Off time paid (PTO)",  # initials in another order
        "Tuesday 10:33 GMT-0700 (PDT)",
        "WARNING: Do not open. NOTE: No other text exists here? TODO: talk",
    ],
)
def test_what_only_stands_beside_an_acronym_explains_nothing(text: str) -> None:
    assert [pair for pair in explained(text) if pair[0] != "NOTE"] == []


@pytest.mark.parametrize(
    ("question", "expanded"),
    [
        ("How much PTO do I get?", "How much PTO (paid time off) do I get?"),
        ("how much pto?", "how much pto (paid time off)?"),
        ("How much paid time off?", "How much paid time off (PTO)?"),
        ("Are there two DRIs?", "Are there two DRIs (directly responsible individual)?"),
        ("Who is the directly responsible individual?", "Who is the directly responsible individual (DRI)?"),
        ("Is it ours?", "Is it ours?"),
        ("Who is IT?", "Who is IT (information technology)?"),
        ("Our GTM plan", "Our GTM (go to market, google tag manager) plan"),
        ("Our go-to-market plan", "Our go-to-market (GTM) plan"),
        ("Is PTO paid time off?", "Is PTO paid time off?"),
        ("What about CPTO?", "What about CPTO?"),
    ],
)
def test_a_question_names_both(question: str, expanded: str) -> None:
    assert ACRONYMS.added_to(question, lambda word: word == "it") == expanded


def test_without_acronyms_a_question_stays() -> None:
    assert Acronyms({}).added_to("How much PTO?", lambda word: False) == "How much PTO?"
