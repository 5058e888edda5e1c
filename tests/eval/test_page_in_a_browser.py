"""The page of a report in a real Chromium: what people read, filter and open."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from core.types import Answer, Message
from eval.arms import Arm, Bench
from eval.evaluation import run
from eval.questions import LineFault, QuestionFile
from tests.browsing import CONTRAST
from tests.eval.building import answer, hit, question

LEFT_OVER = "Unused days lapse in March."
LONG = "Was-macht-man-mit-einem-sehr-langen-Wort-in-einer-Frage-die-nicht-aufhört-" * 3
N = 130
QUESTIONS = tuple(
    question(
        f"q{n}",
        "offtopic" if n % 5 == 0 else "answerable",
        question=f"Question {n}? {LONG if n == 1 else ''}",
        **({} if n == 7 else {"evidence": ()}),
    )
    for n in range(N)
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report in which `tuned` wins questions 1 to 29 and loses what is to be declined below 50."""
    places = {item.question: place for place, item in enumerate(QUESTIONS)}

    def arm(name: str, wrong: Callable[[int], bool]) -> Arm:
        def reply(text: str, history: Sequence[Message]) -> Answer:
            place = places.get(text, 0)
            if place % 5 == 0:
                off = answer("That is outside what I am here for.", "off_topic")
                return off if name == "base" or place >= 50 else answer(hits=[hit()], quotes=[LEFT_OVER])
            return answer("It depends." if wrong(place) else "27 days", hits=[hit()], quotes=[LEFT_OVER])

        return Arm(name, reply, "a stand-in")

    file = QuestionFile(Path("q.jsonl"), "ab" * 32, QUESTIONS, (LineFault(3, "not JSON"),))
    bench = Bench((arm("base", lambda n: n < 40), arm("tuned", lambda n: 30 <= n < 40)), {})
    folder = tmp_path_factory.mktemp("reports")
    report = run(file, bench, folder=folder, command="inhouse evaluate --questions q.jsonl")
    return (report.report / "report.html").as_uri()


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Opens the page; fails where it asked for anything else or complained."""
    pages: list[Page] = []
    asked: list[str] = []
    complaints: list[str] = []

    def go(**options: Any) -> Page:
        page = browser.new_page(**options)
        pages.append(page)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(address)
        return page

    yield go
    for page in pages:
        page.close()
    assert set(asked) == {address}
    assert complaints == []


def test_the_verdict_is_what_is_read_first(opened: Callable[..., Page]) -> None:
    page = opened()
    expect(page.get_by_role("heading", level=1)).to_have_text("tuned is better than base")
    assert page.locator(".verdict").bounding_box()["y"] < 300  # type: ignore[index]
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((h) => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))


def test_questions_are_filtered_by_kind_outcome_change_and_words(opened: Callable[..., Page]) -> None:
    page = opened()
    count = page.get_by_role("status")
    expect(count).to_have_text("130 of 130 questions")
    page.get_by_label("Kind").select_option("offtopic")
    expect(count).to_have_text("26 of 130 questions")
    page.get_by_label("Outcome of tuned").select_option("wrongly_answered")
    expect(count).to_have_text("10 of 130 questions")
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Changed").select_option("only changed")
    expect(count).to_have_text("34 of 130 questions")  # 24 won, 10 lost
    page.get_by_label("Changed").select_option("tuned: right, base: not")
    expect(count).to_have_text("24 of 130 questions")
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Words in question or answer").fill("question 12")
    expect(count).to_have_text("11 of 130 questions")


def test_a_question_shows_all_arms_side_by_side_with_the_evidence_marked(opened: Callable[..., Page]) -> None:
    page = opened()
    page.get_by_text("Question 7?").click()
    sides = page.locator("details[open] article")
    expect(sides).to_have_count(2)
    expect(sides.nth(0)).to_contain_text("It depends.")
    expect(sides.nth(1)).to_contain_text("27 days")
    sides.nth(1).get_by_text("1 passages found").click()
    expect(sides.nth(1).locator("mark:not(.cited)")).to_have_text("Everyone gets **27 days** of leave")
    expect(sides.nth(1).locator("mark.cited")).to_have_text("Unused days lapse in March")
    expect(sides.nth(1)).to_contain_text("holds the evidence")


def test_it_is_used_by_keyboard_alone(opened: Callable[..., Page]) -> None:
    page = opened()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the questions")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Words in question or answer")).to_be_focused()
    page.keyboard.type("Question 7?")
    for _ in range(5):
        page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("details.question[open]")).to_have_count(1)
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Show more").focus()
    page.keyboard.press("Enter")
    expect(page.locator("details.question")).to_have_count(N)
    expect(page.locator("details.question summary").nth(100)).to_be_focused()


def test_nothing_scrolls_sideways_on_a_phone(opened: Callable[..., Page]) -> None:
    page = opened(viewport={"width": 360, "height": 740})
    for place in (1, 2):
        page.locator("details.question > summary").nth(place).click()
    page.locator(".passages > summary").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    small = """[...document.querySelectorAll('select, input, button, nav a')]
        .filter((element) => element.checkVisibility() && element.offsetHeight < 24).length"""
    assert page.evaluate(small) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_fields_stand_out_enough(opened: Callable[..., Page], scheme: str) -> None:
    page = opened(color_scheme=scheme)
    page.get_by_text("Question 7?").click()
    page.locator("details[open] .passages > summary").first.click()
    page.locator("#cards details summary").first.click()
    measured = page.evaluate(CONTRAST)
    assert len(measured) > 100
    assert [(text, round(ratio, 2)) for text, ratio, wanted in measured if ratio < wanted] == []
