"""The key where one is asked for, and what it opens."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.service.page.conftest import Standing, Visit


def use_key(visitor: Visit, key: str) -> None:
    dialog = visitor.page.get_by_role("dialog", name="This assistant asks for a key")
    dialog.get_by_label("API key").fill(key)
    dialog.get_by_role("button", name="Use key").click()


def test_no_key_is_asked_for_on_this_machine_without_keys(
    standing: Callable[..., Standing], visit: Callable[..., Visit]
) -> None:
    visitor = visit(standing().url)
    expect(visitor.page.get_by_role("link", name="Manage")).to_be_visible()
    assert visitor.page.locator("dialog[open]").count() == 0
    expect(visitor.page.get_by_role("button", name="Forget key")).to_be_hidden()


def test_a_wrong_key_is_told_and_a_right_one_asks(
    standing: Callable[..., Standing], visit: Callable[..., Visit]
) -> None:
    visitor = visit(standing(api_keys=("right",), admin_keys=("admin",)).url)
    dialog = visitor.page.get_by_role("dialog", name="This assistant asks for a key")
    expect(dialog.get_by_label("API key")).to_be_focused()
    use_key(visitor, "wrong")
    expect(dialog.get_by_role("alert")).to_have_text(
        "This key is not valid, or not any more. Enter another one."
    )
    expect(dialog.get_by_label("API key")).to_have_attribute("aria-invalid", "true")
    use_key(visitor, "right")
    expect(dialog).to_be_hidden()
    visitor.ask("How many days of leave?")
    expect(visitor.answer.locator(".text")).to_contain_text("28 days")


def test_a_key_for_chat_manages_nothing(
    standing: Callable[..., Standing], visit: Callable[..., Visit]
) -> None:
    visitor = visit(standing(api_keys=("right",), admin_keys=("admin",)).url, path="/#manage")
    use_key(visitor, "right")
    expect(visitor.page.get_by_role("button", name="Forget key")).to_be_visible()
    expect(visitor.page.locator("#views")).to_be_hidden()
    expect(visitor.page.locator("#manage-view")).to_be_hidden()
    assert not [url for url in visitor.requests if url.endswith("manage.js")]


def test_an_admin_key_manages_and_is_gone_with_the_tab(
    standing: Callable[..., Standing], visit: Callable[..., Visit]
) -> None:
    running = standing(api_keys=("right",), admin_keys=("admin",))
    visitor = visit(running.url)
    use_key(visitor, "admin")
    expect(visitor.page.get_by_role("link", name="Manage")).to_be_visible()
    assert visitor.page.evaluate("localStorage.length") == 0
    visitor.page.reload()
    expect(visitor.page.get_by_role("link", name="Manage")).to_be_visible()
    other_tab = visitor.page.context.new_page()
    other_tab.goto(running.url)
    expect(other_tab.get_by_label("API key")).to_be_focused()
    other_tab.close()
    visitor.page.get_by_role("button", name="Forget key").click()
    expect(visitor.page.get_by_label("API key")).to_be_focused()


def test_asking_without_a_key_asks_for_it_and_keeps_the_question(
    standing: Callable[..., Standing], visit: Callable[..., Visit]
) -> None:
    visitor = visit(standing(api_keys=("right",)).url)
    visitor.page.get_by_role("button", name="Not now").click()
    visitor.page.get_by_label("Your question").fill("How many days of leave?")
    visitor.page.keyboard.press("Enter")
    use_key(visitor, "right")
    visitor.answer.get_by_role("button", name="Ask again").click()
    expect(visitor.answer.locator(".text")).to_contain_text("28 days")


def test_too_many_requests_say_when_to_try_again(
    standing: Callable[..., Standing], visit: Callable[..., Visit]
) -> None:
    visitor = visit(standing().url)
    error = {"error": {"message": "You ask faster than your key allows.", "code": "rate_limited"}}
    visitor.page.route(
        "**/v1/chat/completions",
        lambda route: route.fulfill(status=429, headers={"Retry-After": "7"}, json=error),
    )
    visitor.ask("How many days of leave?")
    told = "You ask faster than your key allows. Try again in 7 seconds."
    expect(visitor.answer.locator(".fault")).to_have_text(told)
