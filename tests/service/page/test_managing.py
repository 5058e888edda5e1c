"""The Manage view: documents, jobs, adapters. Jobs are played, because their states must hold still."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Request, Route, expect

from finetune.registry import Registry
from tests.service.page.conftest import Served, Standing, Visit

AT = "2026-03-02T10:00:00+00:00"


def a_job(identity: str, kind: str, state: str, **fields: Any) -> dict[str, Any]:
    blank = {"progress": None, "result": None, "error": "", "created": AT, "started": AT, "ended": None}
    return {"id": identity, "kind": kind, "state": state, **blank, **fields}


class PlayedJobs:
    """`/admin/jobs` by its contract, in memory."""

    def __init__(self, visitor: Visit, *jobs: dict[str, Any]) -> None:
        self.jobs = {job["id"]: job for job in jobs}
        self.asked: list[tuple[str, Any]] = []
        visitor.page.route(
            "**/admin/jobs", lambda route: route.fulfill(json={"jobs": list(self.jobs.values())})
        )
        visitor.page.route("**/admin/jobs/*", self._one)
        for kind in ("reindex", "retrain"):
            visitor.page.route(f"**/admin/{kind}", self._start)

    def _one(self, route: Route, request: Request) -> None:
        job = self.jobs[request.url.rpartition("/")[2]]
        if request.method == "DELETE":
            job |= {"state": "cancelled", "ended": AT}
        route.fulfill(json={**job, "lines": [{"time": AT, "line": "reading <b>37</b> files"}]})

    def _start(self, route: Route, request: Request) -> None:
        kind = request.url.rpartition("/")[2]
        self.asked.append((kind, json.loads(request.post_data or "{}")))
        self.jobs["new"] = a_job("new", kind, "queued", started=None)
        route.fulfill(status=202, json={"job_id": "new"})


def test_documents_are_found_and_deleted(served: Served, visit: Callable[..., Visit]) -> None:
    admin = visit(served.url, path="/#manage")
    table = admin.page.get_by_role("table", name="Indexed documents")
    expect(table).to_contain_text("gates.md")
    before = table.get_by_role("row").count()
    admin.page.get_by_label("Find a document").fill("canteen")
    expect(table.get_by_role("row")).to_have_count(2)
    expect(table).to_contain_text("doomed.md")
    table.get_by_role("button", name="Delete doomed.md").click()
    confirm = admin.page.get_by_role("dialog", name="Delete this document from the index?")
    expect(confirm.get_by_role("button", name="Keep it")).to_be_focused()
    confirm.get_by_role("button", name="Keep it").click()
    expect(table).to_contain_text("doomed.md")
    table.get_by_role("button", name="Delete doomed.md").click()
    confirm.get_by_role("button", name="Delete").click()
    admin.said("doomed.md is deleted.")
    admin.page.get_by_label("Find a document").fill("")
    expect(table.get_by_role("row")).to_have_count(before - 1)
    assert admin.page.get_by_label("Folders to bring up to date").input_value() == str(served.folder)


def test_a_reindex_is_asked_for_and_its_progress_shown(served: Served, visit: Callable[..., Visit]) -> None:
    admin = visit(served.url)
    played = PlayedJobs(admin)
    admin.page.get_by_role("link", name="Manage").click()
    expect(admin.page.get_by_text("Nothing has run yet.")).to_be_visible()
    paths = admin.page.get_by_label("Folders to bring up to date")
    expect(paths).to_have_value(str(served.folder))
    paths.fill(f"{served.folder}\n /more \n")
    admin.page.get_by_label("Build everything anew").check()
    admin.page.get_by_role("button", name="Reindex").click()
    admin.said("The reindex is asked for")
    assert played.asked == [("reindex", {"paths": [str(served.folder), "/more"], "full": True})]
    card = admin.page.locator(".card").first
    expect(card.locator(".state")).to_have_text("waiting")
    progress = {"done": 1200, "total": 4800, "unit": "chunks", "text": "embedding", "seconds_left": 75}
    played.jobs["new"] = a_job("new", "reindex", "running", progress=progress)
    expect(card.locator(".hint").last).to_have_text(
        "embedding · 1,200 of 4,800 chunks · about 75 seconds left"
    )
    bar = card.get_by_role("progressbar", name="Progress of Reindex")
    assert bar.evaluate("bar => bar.value / bar.max") == 0.25
    result = {"documents": 4, "chunks": 9, "added": 1, "updated": 0, "deleted": 0, "unchanged": 3}
    result["failed"] = [{"source": "scan.pdf", "error": "It holds pictures only."}]
    played.jobs["new"] = a_job("new", "reindex", "done", result=result, ended="2026-03-02T10:00:31+00:00")
    expect(card.locator(".result")).to_have_text(
        "4 documents, 9 passages: 1 added, 3 unchanged. 1 file could not be read:"
    )
    expect(card.locator(".failures")).to_have_text("scan.pdf: It holds pictures only.")
    expect(card).to_contain_text("took 31 seconds")
    admin.said("Reindex: done.")


def test_a_job_shows_its_log_and_is_cancelled(
    standing: Callable[..., Standing], visit: Callable[..., Visit]
) -> None:
    admin = visit(standing().url)
    PlayedJobs(admin, a_job("a", "retrain", "running"))
    admin.page.get_by_role("link", name="Manage").click()
    card = admin.page.locator(".card").first
    card.get_by_role("button", name="Show log").click()
    expect(card.get_by_role("log")).to_contain_text("reading <b>37</b> files")
    card.get_by_role("button", name="Cancel").click()
    confirm = admin.page.get_by_role("dialog", name="Cancel retrain?")
    confirm.get_by_role("button", name="Cancel it").click()
    expect(card.locator(".state")).to_have_text("cancelled")
    expect(card.get_by_role("button", name="Cancel")).to_be_hidden()


def test_a_refused_job_says_why(standing: Callable[..., Standing], visit: Callable[..., Visit]) -> None:
    admin = visit(standing().url, path="/#manage")
    error = {"error": {"message": "A retrain is running already: job 7.", "code": "job_running"}}
    admin.replies("/admin/retrain$", error, status=409)
    admin.page.get_by_role("button", name="Retrain").click()
    expect(admin.page.get_by_text("A retrain is running already: job 7.")).to_be_visible()


def test_adapters_show_their_figures_are_activated_and_rolled_back(
    standing: Callable[..., Standing], visit: Callable[..., Visit]
) -> None:
    running = standing()
    registry = Registry(running.settings.adapters_dir)
    folder = registry.folder / "incoming"
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(b"weights")
    metrics = {"base": {"questions": 220.0, "right": 0.741}, "tuned": {"questions": 220.0, "right": 0.782}}
    metrics["difference"] = {"mean": 0.041}
    identity = registry.add(folder, kind="reader", base="shipped", metrics=metrics)
    admin = visit(running.url, path="/#manage")
    adapters = admin.page.get_by_role("region", name="Adapters")
    expect(adapters).to_contain_text("The adapter that came with Inhouse answers.")
    expect(adapters.get_by_role("row", name="done right 74.1 % 78.2 %")).to_be_visible()
    adapters.get_by_text("All figures").click()
    expect(adapters).to_contain_text("difference, mean")
    adapters.get_by_role("button", name=f"Activate {identity}").click()
    expect(adapters.locator(".state")).to_have_text("in use")
    active = registry.active()
    assert active is not None
    assert active.id == identity
    adapters.get_by_role("button", name=f"Roll back {identity}").click()
    expect(adapters.get_by_role("button", name=f"Activate {identity}")).to_be_focused()
    assert registry.active() is None


def test_empty_states_say_what_to_do(standing: Callable[..., Standing], visit: Callable[..., Visit]) -> None:
    running = standing()
    running.inhouse.index.files = {}
    admin = visit(running.url)
    PlayedJobs(admin)
    admin.page.get_by_role("link", name="Manage").click()
    for text in (
        "Nothing is indexed yet. Name a folder above",
        "No adapter has been tuned yet",
        "Nothing has run yet",
    ):
        expect(admin.page.get_by_text(text)).to_be_visible()
