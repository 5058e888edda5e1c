"""What the other tests play in the server's place, here with the server itself."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.service.page.conftest import Served, Visit
from tests.service.page.test_asking import LEAVE


def test_conversations_are_kept_reopened_and_deleted(served: Served, visit: Callable[..., Visit]) -> None:
    asker = visit(served.url)
    asker.ask(LEAVE)
    current = asker.page.locator('a[aria-current="true"]')
    expect(current).to_have_count(1)
    entry = asker.page.locator(f'a[href="{current.get_attribute("href")}"]')
    asker.ask("And what is asked for when I am away for long?")
    assert asker.page.locator("#talk .fault").all_inner_texts() == []
    asker.page.get_by_role("link", name="New conversation").click()
    expect(asker.page.locator("#welcome")).to_be_visible()
    entry.click()
    expect(asker.page.locator("#talk > li")).to_have_count(4)
    first = asker.page.locator("#talk > .theirs").first
    first.locator(".text .number").first.click()
    expect(asker.page.locator("mark").first).to_be_visible()
    asker.page.keyboard.press("Escape")
    asker.page.reload()
    expect(asker.page.locator("#talk > li")).to_have_count(4)
    asker.page.locator("li").filter(has=entry).get_by_role("button", name="Delete conversation").click()
    asker.page.get_by_role("button", name="Delete", exact=True).click()
    asker.said("The conversation is deleted.")
    expect(entry).to_have_count(0)
    expect(asker.page.locator("#welcome")).to_be_visible()


def test_a_reindex_runs_and_its_documents_appear(served: Served, visit: Callable[..., Visit]) -> None:
    (served.folder / "lockers.md").write_text("# Lockers\n\nLockers are opened with the badge.\n")
    admin = visit(served.url, path="/#manage")
    expect(admin.page.get_by_label("Folders to bring up to date")).to_have_value(str(served.folder))
    admin.page.get_by_role("button", name="Reindex").click()
    card = admin.page.locator(".card").first
    expect(card.locator(".state")).to_have_text("done", timeout=240_000)  # the worker loads its models first
    expect(card.locator(".result")).to_contain_text("added")
    card.get_by_role("button", name="Show log").click()
    expect(card.get_by_role("log")).not_to_be_empty()
    expect(admin.page.get_by_role("table", name="Indexed documents")).to_contain_text("lockers.md")
