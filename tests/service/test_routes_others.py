"""Search, health and documents."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from core.errors import ModelError
from core.settings import LimitSettings, Settings
from tests.service.conftest import Standing, StandInIndex, StandInInhouse


def test_search_returns_hits_best_first_with_timings(standing: Standing) -> None:
    reply = standing.client.post("/v1/search", json={"query": "laptop replaced", "top_k": 2}).json()
    assert reply["hits"][0]["source"] == "it/laptops.md"
    assert len(reply["hits"]) == 2
    assert set(reply["hits"][0]) == {"source", "title", "heading", "text", "score"}
    assert reply["timings_ms"]["total"] > 0


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("it", {"it/vpn.md", "it/laptops.md"}),
        ("it/*.md", {"it/vpn.md", "it/laptops.md"}),
        ("leave.md", {"leave.md"}),
    ],
)
def test_search_can_be_limited_to_sources(standing: Standing, source: str, found: set[str]) -> None:
    body = {"query": "days of leave", "top_k": 5, "filters": {"source": source}}
    reply = standing.client.post("/v1/search", json=body).json()
    assert {hit["source"] for hit in reply["hits"]} == found


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"query": " "}, (400, "empty_question")),
        ({"query": "x" * 3000}, (422, "question_too_long")),
        ({"query": "x", "top_k": 0}, (422, "invalid_request")),
        ({"query": "x", "filters": {"author": "me"}}, (422, "invalid_request")),
        ({}, (422, "invalid_request")),
    ],
)
def test_search_refuses_with_a_code(
    standing: Standing, body: dict[str, object], expected: tuple[int, str]
) -> None:
    response = standing.client.post("/v1/search", json=body)
    assert (response.status_code, response.json()["error"]["code"]) == expected


def test_a_search_that_takes_too_long_is_504_and_names_the_stage(
    stand: Callable[..., Standing], settings: Settings
) -> None:
    standing = stand(settings.model_copy(update={"limits": LimitSettings(retrieve_s=0.001)}))
    found = standing.inhouse.search

    def slow(*args: Any) -> Any:
        time.sleep(0.01)
        return found(*args)

    standing.inhouse.__dict__["search"] = slow
    response = standing.client.post("/v1/search", json={"query": "leave"})
    assert (response.status_code, response.json()["error"]["code"]) == (504, "timeout")
    assert "'retrieve'" in response.json()["error"]["message"]


def test_ready_once_something_is_indexed(standing: Standing) -> None:
    ready = standing.client.get("/health/ready")
    assert ready.json() == {"status": "ok", "index_version": 1, "model": "reader@shipped"}
    standing.inhouse.index = StandInIndex(files={}, version=0)
    empty = standing.client.get("/health/ready")
    assert (empty.status_code, empty.json()["error"]["code"]) == (503, "index_empty")
    assert standing.client.get("/health/live").json() == {"status": "ok"}


def test_not_ready_while_models_load(stand: Callable[..., Standing], settings: Settings) -> None:
    loaded = threading.Event()

    def slow(shared: object) -> StandInInhouse:
        assert loaded.wait(10)
        return StandInInhouse(settings, StandInIndex())

    standing = stand(settings, wire=slow, warm_up=True)
    try:
        loading = standing.client.get("/health/ready")
        assert (loading.status_code, loading.json()["error"]["code"]) == (503, "loading")
        assert standing.client.get("/health/live").status_code == 200
    finally:
        loaded.set()
    standing.app.state.live._warming.join(10)
    assert standing.client.get("/health/ready").status_code == 200


def test_not_ready_where_the_model_cannot_be_loaded(
    stand: Callable[..., Standing], settings: Settings
) -> None:
    def broken(shared: object) -> StandInInhouse:
        if shared is None:
            return StandInInhouse(settings, StandInIndex())
        raise ModelError("The folder x holds no model.")

    response = stand(settings, wire=broken).client.get("/health/ready")
    assert (response.status_code, response.json()["error"]["message"]) == (
        503,
        "The folder x holds no model.",
    )


def test_admin_lists_the_documents(standing: Standing) -> None:
    reply = standing.client.get("/admin/documents").json()
    assert reply["index_version"] == 1
    assert [row["source"] for row in reply["documents"]] == ["leave.md", "it/vpn.md", "it/laptops.md"]
    assert reply["documents"][0]["title"] == "Leave"
    assert reply["documents"][0]["indexed_at"] == "1970-01-01T00:00:00+00:00"
