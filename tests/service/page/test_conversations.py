"""Conversations that the server keeps, as the page lists, reopens and deletes them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Request, Route, expect

from tests.service.page.conftest import Standing, Visit

AT = "2026-03-02T10:00:00+00:00"
CITATION = {
    "id": 1,
    "source": "leave.md",
    "title": "Leave",
    "heading": "Rules",
    "quote": "Everyone has 28 days of paid leave a year.",
    "score": 0.9,
    "also_in": [],
    "page": 3,
}


class PlayedConversations:
    """`/v1/conversations` and a chat that keeps them, by their contract, in memory."""

    def __init__(self, visitor: Visit, **kept: list[dict[str, Any]]) -> None:
        self.kept = kept
        self.asked: list[dict[str, Any]] = []
        visitor.page.route("**/v1/conversations", self._list)
        visitor.page.route("**/v1/conversations/*", self._one)
        visitor.page.route("**/v1/chat/completions", self._chat)

    def _list(self, route: Route) -> None:
        rows = [
            {"id": name, "title": turns[0]["content"], "created": AT, "updated": AT}
            for name, turns in self.kept.items()
        ]
        route.fulfill(json={"conversations": rows})

    def _one(self, route: Route, request: Request) -> None:
        name = request.url.rpartition("/")[2]
        if name not in self.kept:
            error = {"error": {"message": "There is no such conversation.", "code": "unknown_conversation"}}
            route.fulfill(status=404, json=error)
        elif request.method == "DELETE":
            del self.kept[name]
            route.fulfill(json={"id": name, "deleted": True})
        else:
            route.fulfill(json={"id": name, "title": name, "turns": self.kept[name]})

    def _chat(self, route: Route, request: Request) -> None:
        body = json.loads(request.post_data or "{}")
        self.asked.append(body)
        name = body.get("conversation_id") or f"c{len(self.kept) + 1}"
        if body.get("conversation_id") and name not in self.kept:
            error = {"error": {"message": "There is no such conversation.", "code": "unknown_conversation"}}
            route.fulfill(status=404, json=error)
            return
        question = body["messages"][-1]["content"]
        self.kept.setdefault(name, []).extend([a_turn("user", question), a_turn("assistant", "28 days. [1]")])
        chunk = {"choices": [{"delta": {"content": "28 days. [1]"}, "finish_reason": None}]}
        last = {"choices": [{"delta": {}, "finish_reason": "stop"}], **a_turn("assistant", "")}
        last |= {"cached": "none", "timings_ms": {"total": 5}, "conversation_id": name}
        events = "".join(f"data: {json.dumps(event)}\n\n" for event in (chunk, last))
        route.fulfill(content_type="text/event-stream", body=events + "data: [DONE]\n\n")


def a_turn(role: str, content: str) -> dict[str, Any]:
    said = {
        "role": role,
        "content": content,
        "time": AT,
        "answer_type": "",
        "interaction_id": "",
        "citations": [],
    }
    return {**said, "answer_type": "answer", "citations": [CITATION]} if role == "assistant" else said


def with_past(
    running: Standing, visit: Callable[..., Visit], **kept: Any
) -> tuple[Visit, PlayedConversations]:
    played: list[PlayedConversations] = []
    visitor = visit(running.url, play=lambda visitor: played.append(PlayedConversations(visitor, **kept)))
    expect(visitor.page.get_by_role("link", name="New conversation")).to_be_visible()
    return visitor, played[0]


def test_a_question_begins_a_conversation_and_the_next_one_goes_on_with_it(
    standing: Callable[..., Standing], visit: Callable[..., Visit]
) -> None:
    visitor, played = with_past(standing(), visit)
    expect(visitor.page.get_by_text("What you ask is kept here")).to_be_visible()
    visitor.ask("How many days of leave?")
    visitor.ask("And for part-timers?")
    first, second = played.asked
    assert (first["store"], first["messages"]) == (
        True,
        [{"role": "user", "content": "How many days of leave?"}],
    )
    assert (second["conversation_id"], len(second["messages"])) == ("c1", 1)
    assert visitor.page.url.endswith("#c-c1")
    current = visitor.page.locator("#past-list a[aria-current]")
    expect(current).to_contain_text("How many days of leave?")


def test_a_conversation_is_reopened_with_its_sources_and_goes_on(
    standing: Callable[..., Standing], visit: Callable[..., Visit]
) -> None:
    turns = [a_turn("user", "How many days?"), a_turn("assistant", "28 days. [1]")]
    visitor, played = with_past(standing(), visit, old=turns)
    visitor.page.get_by_role("link", name="How many days?").click()
    expect(visitor.page.locator("#talk > .mine")).to_contain_text("How many days?")
    expect(visitor.answer.locator(".sources")).to_contain_text("Rules · leave.md · page 3")
    visitor.page.reload()  # the address says which one is open
    expect(visitor.answer.locator(".sources")).to_be_visible()
    visitor.ask("And at night?")
    assert played.asked[-1]["conversation_id"] == "old"
    visitor.page.get_by_role("link", name="New conversation").click()
    expect(visitor.page.locator("#welcome")).to_be_visible()
    visitor.ask("Another thing?")
    assert "conversation_id" not in played.asked[-1]
    assert len(played.asked[-1]["messages"]) == 1


def test_a_conversation_is_deleted_after_a_question(
    standing: Callable[..., Standing], visit: Callable[..., Visit]
) -> None:
    visitor, played = with_past(standing(), visit, old=[a_turn("user", "How many days?")])
    visitor.page.get_by_role("link", name="How many days?").click()
    visitor.page.get_by_role("button", name="Delete conversation: How many days?").click()
    confirm = visitor.page.get_by_role("dialog", name="Delete this conversation?")
    confirm.get_by_role("button", name="Delete").click()
    visitor.said("The conversation is deleted.")
    assert played.kept == {}
    expect(visitor.page.locator("#welcome")).to_be_visible()
    expect(visitor.page.locator("#past-list li")).to_have_count(0)


def test_a_conversation_that_has_expired_goes_on_with_what_the_page_knows(
    standing: Callable[..., Standing], visit: Callable[..., Visit]
) -> None:
    visitor, played = with_past(standing(), visit)
    visitor.ask("How many days of leave?")
    played.kept.clear()
    visitor.ask("And for part-timers?")
    expect(visitor.answer.locator(".text")).to_contain_text("28 days.")
    assert [message["role"] for message in played.asked[-1]["messages"]] == ["user", "assistant", "user"]
    assert played.asked[-1]["store"] is True


def test_the_address_of_a_conversation_that_is_gone_begins_a_new_one(
    standing: Callable[..., Standing], visit: Callable[..., Visit]
) -> None:
    visitor, _ = with_past(standing(), visit)
    visitor.page.evaluate("location.hash = '#c-nowhere'")
    visitor.said("This conversation has ended or is not yours.")
    expect(visitor.page.locator("#welcome")).to_be_visible()
    assert re.search("#ask$", visitor.page.url)


def test_on_a_phone_the_list_opens_and_closes(
    standing: Callable[..., Standing], visit: Callable[..., Visit]
) -> None:
    visitor, _ = with_past(standing(), visit, old=[a_turn("user", "How many days?")])
    visitor.page.set_viewport_size({"width": 360, "height": 700})
    toggle = visitor.page.get_by_role("button", name="Conversations")
    expect(visitor.page.locator("#past")).to_be_hidden()
    toggle.click()
    expect(toggle).to_have_attribute("aria-expanded", "true")
    expect(visitor.page.get_by_role("link", name="New conversation")).to_be_focused()
    visitor.page.keyboard.press("Escape")
    expect(toggle).to_be_focused()
    toggle.click()
    visitor.page.get_by_role("link", name="How many days?").click()
    expect(visitor.page.locator("#past")).to_be_hidden()
    expect(visitor.page.locator("#talk > .mine")).to_be_visible()
