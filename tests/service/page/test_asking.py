"""Asking on the page: answers, sources in their documents, what people think of them."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable

from playwright.sync_api import expect

from tests.service.page.conftest import Served, Standing, Visit

LEAVE = "How many days of paid annual leave does everyone who works full time receive?"


def letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text)


def marked(visit: Visit) -> str:
    return "".join(visit.page.locator("#document-text mark").all_inner_texts())


def test_a_question_is_answered_with_its_source(served: Served, visit: Callable[..., Visit]) -> None:
    asker = visit(served.url)
    expect(asker.page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    asker.ask(LEAVE)
    expect(asker.page.locator("#welcome")).to_be_hidden()
    expect(asker.answer.locator(".text")).to_contain_text("27 days")
    sources = asker.answer.get_by_role("region", name="Sources")
    expect(sources.get_by_role("heading", name="Time off")).to_be_visible()
    expect(sources).to_contain_text("time-off.md")
    expect(asker.answer.locator(".made")).to_contain_text("Answered in")
    asker.said("27 days")
    expect(asker.page.get_by_label("Your question")).to_be_focused()


def test_an_example_is_asked_by_choosing_it(served: Served, visit: Callable[..., Visit]) -> None:
    asker = visit(served.url)
    # Earlier tests may have left a conversation of that name in the list beside it.
    asker.page.locator("#examples").get_by_role("button", name="How many days of annual leave").click()
    expect(asker.answer.locator(".text")).to_contain_text("27 days")
    expect(asker.page.locator("#talk > .mine")).to_contain_text("How many days of annual leave")


def test_a_number_opens_the_document_with_the_quote_highlighted(
    served: Served, visit: Callable[..., Visit]
) -> None:
    asker = visit(served.url)
    asker.ask(LEAVE)
    number = asker.answer.locator(".text .number").first
    number.click()
    document = asker.page.get_by_role("dialog", name="Time off")
    expect(document.locator("mark").first).to_be_visible()
    # The source has bold type within the quote, and a line end: neither hides it.
    assert letters(marked(asker)).startswith("Everyonewhoworksfulltimereceives27days")
    expect(document.get_by_role("heading", name="Sick leave")).to_be_visible()
    expect(document).not_to_contain_text("**")
    asker.page.keyboard.press("Escape")
    expect(document).to_be_hidden()
    expect(number).to_be_focused()


def test_a_quote_far_down_in_its_document_is_scrolled_to(served: Served, visit: Callable[..., Visit]) -> None:
    asker = visit(served.url)
    asker.ask("Where do visitors park their cars?")
    asker.answer.locator(".quotes .number").first.click()
    expect(asker.page.locator("mark").first).to_be_in_viewport()
    assert asker.page.locator("#document-text").evaluate("element => element.scrollTop") > 0
    assert letters("behind the blue gate") in letters(marked(asker))


def test_markup_in_documents_and_answers_is_shown_as_text(
    served: Served, visit: Callable[..., Visit]
) -> None:
    asker = visit(served.url)
    asker.ask("What do I paste to embed the chat widget on a website?")
    expect(asker.answer.locator("blockquote").first).to_contain_text("<script>document.title")
    asker.answer.locator(".quotes .number").first.click()
    shown = asker.page.locator("#document-text")
    expect(shown).to_contain_text('<script>document.title = "taken over"</script>')
    expect(shown).to_contain_text("<img src=")
    assert asker.page.locator("#document-text script, #document-text img, #talk script").count() == 0
    assert asker.page.title() == "Inhouse"


def test_a_question_with_markup_is_shown_as_text(served: Served, visit: Callable[..., Visit]) -> None:
    asker = visit(served.url)
    asker.ask("<img src=x onerror=document.title=1> what is this?")
    expect(asker.page.locator("#talk > .mine")).to_contain_text("<img src=x onerror=document.title=1>")
    assert asker.page.title() == "Inhouse"


def test_what_the_documents_do_not_cover_is_said_so(served: Served, visit: Callable[..., Visit]) -> None:
    asker = visit(served.url)
    asker.ask("What is the capital of Peru?")
    expect(asker.answer.locator(".kind")).to_contain_text("Outside of what I am here for")
    assert asker.answer.locator(".sources").count() == 0


def test_ratings_and_corrections_reach_the_database(served: Served, visit: Callable[..., Visit]) -> None:
    asker = visit(served.url)
    asker.ask(LEAVE)
    down = asker.answer.get_by_role("button", name="Not helpful")
    down.click()
    expect(down).to_have_attribute("aria-pressed", "true")
    form = asker.answer.get_by_role("form", name="Correct this answer")
    form.get_by_role("button", name="Send correction").click()
    asker.said("Write the right answer first")
    expect(form.get_by_label("The right answer")).to_be_focused()
    form.get_by_label("The right answer").fill("27 days, and one more after 5 years.")
    form.get_by_label("What was wrong").fill("The extra days are missing.")
    form.get_by_role("button", name="Send correction").click()
    expect(form).to_be_hidden()
    asker.said("Thank you")
    asker.ask("When does the blue gate close?")
    asker.answer.get_by_role("button", name="Helpful", exact=True).click()
    asker.said("Thank you")
    with sqlite3.connect(served.data_dir / "inhouse.db") as database:
        rows = database.execute(
            "SELECT question, rating, comment, correction FROM feedback"
            " JOIN interactions ON interactions.id = interaction_id ORDER BY feedback.id"
        )
        latest = {question: opinion for question, *opinion in rows}
    assert latest[LEAVE] == [-1, "The extra days are missing.", "27 days, and one more after 5 years."]
    assert latest["When does the blue gate close?"] == [1, "", ""]


def test_text_appears_while_it_is_written(
    standing: Callable[..., Standing], visit: Callable[..., Visit]
) -> None:
    running = standing()
    running.inhouse.hold = threading.Event()
    asker = visit(running.url)
    asker.page.get_by_label("Your question").fill("How many days of leave?")
    asker.page.keyboard.press("Enter")
    expect(asker.answer.locator(".text")).to_have_text("Everyone h")
    expect(asker.page.get_by_role("button", name="Stop")).to_be_visible()
    running.inhouse.hold.set()
    expect(asker.answer.locator(".text")).to_contain_text("28 days of paid leave a year.")
    expect(asker.page.get_by_role("button", name="Ask", exact=True)).to_be_visible()


def test_an_answer_can_be_stopped(standing: Callable[..., Standing], visit: Callable[..., Visit]) -> None:
    running = standing()
    running.inhouse.hold = threading.Event()
    asker = visit(running.url)
    asker.page.get_by_label("Your question").fill("How many days of leave?")
    asker.page.keyboard.press("Enter")
    expect(asker.answer.locator(".text")).to_have_text("Everyone h")
    asker.page.get_by_role("button", name="Stop").click()
    expect(asker.answer.locator(".kind")).to_have_text("You stopped this answer.")
    expect(asker.page.get_by_label("Your question")).to_be_focused()


def test_a_fault_in_mid_stream_is_told_and_the_question_can_be_asked_again(
    standing: Callable[..., Standing], visit: Callable[..., Visit]
) -> None:
    from core.errors import ModelError

    running = standing()
    running.inhouse.fault_in_stream = ModelError("The model went away.")
    asker = visit(running.url)
    asker.ask("How many days of leave?")
    expect(asker.answer.locator(".fault")).to_have_text("The model went away.")
    running.inhouse.fault_in_stream = None
    asker.answer.get_by_role("button", name="Ask again").click()
    expect(asker.answer.locator(".text")).to_contain_text("28 days")
    assert asker.page.locator("#talk > .mine").count() == 1


def test_a_server_that_is_away_is_told_and_the_question_is_kept(
    standing: Callable[..., Standing], visit: Callable[..., Visit]
) -> None:
    running = standing()
    asker = visit(running.url)
    expect(asker.page.locator("#views")).to_be_visible()
    running.stop()
    asker.ask("How many days of leave?")
    expect(asker.answer.locator(".fault")).to_contain_text("The server cannot be reached.")
    expect(asker.answer.get_by_role("button", name="Ask again")).to_be_visible()
    expect(asker.page.locator("#talk > .mine")).to_contain_text("How many days of leave?")


def test_heartbeats_and_events_in_pieces_are_understood(
    standing: Callable[..., Standing], visit: Callable[..., Visit]
) -> None:
    asker = visit(standing().url)
    chunk = '{"choices": [{"delta": {"content": "Ten days."}, "finish_reason": null}]}'
    last = (
        '{"choices": [{"delta": {}, "finish_reason": "stop"}], "answer_type": "answer", "citations": [],'
        ' "cached": "semantic", "timings_ms": {"total": 1234.5}, "interaction_id": null}'
    )
    body = f": still working\n\ndata: {chunk}\n\n: still working\n\ndata: {last}\n\ndata: [DONE]\n\n"
    asker.page.route(
        "**/v1/chat/completions", lambda route: route.fulfill(content_type="text/event-stream", body=body)
    )
    asker.ask("How many days?")
    expect(asker.answer.locator(".text")).to_have_text("Ten days.")
    expect(asker.answer.locator(".made")).to_have_text("Answered in 1.2 s, as asked before.")
    assert asker.answer.get_by_role("button", name="Helpful", exact=True).count() == 0


def test_a_stream_that_breaks_off_is_not_taken_for_an_answer(
    standing: Callable[..., Standing], visit: Callable[..., Visit]
) -> None:
    asker = visit(standing().url)
    body = 'data: {"choices": [{"delta": {"content": "Ten"}, "finish_reason": null}]}\n\n'
    asker.page.route(
        "**/v1/chat/completions", lambda route: route.fulfill(content_type="text/event-stream", body=body)
    )
    asker.ask("How many days?")
    expect(asker.answer.locator(".fault")).to_contain_text("The connection was lost")
