"""The page for everybody: keyboard, screen readers, contrast, small screens, no motion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browsing import CONTRAST
from tests.service.page.conftest import Served, Visit
from tests.service.page.test_asking import LEAVE
from tests.service.page.test_managing import AT, PlayedJobs, a_job

PROGRESS = {"done": 1, "total": 4, "unit": "chunks", "text": "embedding", "seconds_left": 75}
JOBS = (
    a_job("a", "reindex", "running", progress=PROGRESS),
    a_job("b", "retrain", "failed", error="The model cannot be loaded.", ended=AT),
)
MODELS = {
    "models": [
        {
            "id": "reader-20260302-100000",
            "base": "shipped",
            "kind": "reader",
            "active": True,
            "created": AT,
            "metrics": {"base": {"right": 0.7}, "tuned": {"right": 0.8}},
        }
    ]
}
LONG = "Who-do-I-tell-when-I-lose-my-laptop-in-the-train-between-two-stations?"
PAST = {"conversations": [{"id": "a", "title": LONG, "created": AT, "updated": AT}]}


def each_state(served: Served, visit: Callable[..., Visit], **options: Any) -> list[tuple[str, Visit]]:
    """The page in the states that people meet, one after the other."""

    def play(visitor: Visit) -> None:
        PlayedJobs(visitor, *JOBS)
        visitor.replies("/v1/conversations$", PAST)
        visitor.replies("/admin/models$", MODELS)

    def begin(path: str = "") -> Visit:
        visitor = visit(served.url, path=path, play=play, **options)
        visitor.page.locator("#views").wait_for()
        return visitor

    states = [("welcome", begin())]
    asked = begin()
    asked.ask(LEAVE)
    asked.answer.get_by_role("button", name="Not helpful").click()
    asked.answer.get_by_label("The right answer").wait_for()
    states.append(("answer", asked))
    declined = begin()
    declined.ask("What is the capital of Peru?")
    states.append(("declined", declined))
    document = begin()
    document.ask(LEAVE)
    document.answer.locator(".number").first.click()
    document.page.locator("mark").first.wait_for()
    states.append(("document", document))
    managing = begin("/#manage")
    managing.page.locator(".documents tbody tr").first.wait_for()
    managing.page.locator(".card").nth(2).wait_for()
    managing.page.get_by_role("button", name="Show log").first.click()
    states.append(("manage", managing))
    return states


def test_nothing_scrolls_sideways_on_a_phone(served: Served, visit: Callable[..., Visit]) -> None:
    for name, visitor in each_state(served, visit, viewport={"width": 360, "height": 740}, has_touch=True):
        wide = visitor.page.evaluate(
            """() => [...document.querySelectorAll('html, body, main, #scroll, dialog[open], #document-text')]
                .filter((element) => element.scrollWidth > element.clientWidth + 1 && element.clientWidth)
                .map((element) => element.id || element.tagName)"""
        )
        assert wide == [], name
        assert visitor.page.evaluate("document.documentElement.scrollHeight <= innerHeight"), name
        small = visitor.page.evaluate(
            """() => [...document.querySelectorAll('button, a, input, select, textarea')]
                .filter((element) => element.checkVisibility() && !element.closest('.unseen'))
                .map((element) => [element.textContent, element.getBoundingClientRect()])
                .filter(([text, box]) => box.height < 18 && box.bottom > 0).map(([text]) => text)"""
        )
        assert small == [], name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_fields_stand_out_enough(served: Served, visit: Callable[..., Visit], scheme: str) -> None:
    """WCAG 2.2 AA: 4.5 for text, 3 for large text and the borders of fields."""
    for name, visitor in each_state(served, visit, color_scheme=scheme, reduced_motion="reduce"):
        measured = visitor.page.evaluate(CONTRAST)
        assert len(measured) > 5, name
        faint = [(text, round(ratio, 2)) for text, ratio, wanted in measured if ratio < wanted]
        assert faint == [], name


def names_of(page: Page) -> list[tuple[str, str]]:
    """Role and name of each element, as a screen reader gets them."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    return [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node.get("ignored") and "role" in node
    ]


NAMED = {"button", "link", "textbox", "searchbox", "checkbox", "combobox", "dialog", "region", "log", "form"}


def test_everything_that_can_be_used_has_a_name(served: Served, visit: Callable[..., Visit]) -> None:
    for state, visitor in each_state(served, visit):
        found = names_of(visitor.page)
        nameless = [role for role, name in found if role in NAMED and not name.strip()]
        assert nameless == [], state
        assert len([role for role, _ in found if role in ("main", "dialog")]) == 1, state
        doubled = visitor.page.evaluate(
            "(ids => ids.filter((id, at) => ids.indexOf(id) !== at))"
            "([...document.querySelectorAll('[id]')].map((element) => element.id))"
        )
        assert doubled == [], state
        assert visitor.page.evaluate("document.documentElement.lang") == "en"


def test_the_page_is_used_by_keyboard_alone(served: Served, visit: Callable[..., Visit]) -> None:
    visitor = visit(served.url)
    keyboard, page = visitor.page.keyboard, visitor.page
    expect(page.get_by_label("Your question")).to_be_focused()
    keyboard.type("How many days of")
    keyboard.press("Shift+Enter")
    keyboard.type("annual leave do I have?")
    keyboard.press("Enter")
    expect(visitor.answer.locator(".number").first).to_be_visible()
    expect(page.locator("#talk > .mine")).to_contain_text("How many days of\nannual leave")

    def back_to(role: str, name: str) -> None:
        for _ in range(30):
            keyboard.press("Shift+Tab")
            if page.get_by_role(role, name=name).first.evaluate(
                "element => element === document.activeElement"
            ):  # type: ignore[arg-type]
                return
        raise AssertionError(f"{name} cannot be reached")

    back_to("button", "Not helpful")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    keyboard.press("Space")
    expect(visitor.answer.get_by_label("The right answer")).to_be_focused()
    back_to("button", "Source 1: Time off, Annual leave. Read the quote.")
    keyboard.press("Enter")
    expect(page.locator("mark").first).to_be_focused()
    keyboard.press("Shift+Tab")
    expect(page.get_by_role("region", name="Text of the document")).to_be_focused()
    keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Close").last).to_be_focused()
    keyboard.press("Enter")
    expect(page.locator("dialog[open]")).to_have_count(0)
    back_to("link", "Manage")
    keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Documents")).to_be_visible()
    expect(page.locator("#manage-view")).to_be_focused()


def test_nothing_moves_for_those_who_want_it_still(served: Served, visit: Callable[..., Visit]) -> None:
    visitor = visit(served.url, reduced_motion="reduce")
    asked = visitor.page.evaluate(
        """() => { const waiting = document.createElement('span'); waiting.className = 'waiting';
            document.body.append(waiting); return getComputedStyle(waiting).animationName; }"""
    )
    assert asked == "none"
