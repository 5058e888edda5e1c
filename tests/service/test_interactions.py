from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.settings import ServiceSettings, Settings
from tests.service.conftest import Standing


def rows(settings: Settings, table: str) -> list[dict[str, Any]]:
    connection = sqlite3.connect(settings.database)
    connection.row_factory = sqlite3.Row
    found = [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY time")]
    connection.close()
    return found


def test_every_exchange_is_written_down(standing: Standing, settings: Settings) -> None:
    identity = standing.ask("How many days of leave?").json()["interaction_id"]
    standing.ask("How many days of leave?", stream=True)
    first, second = rows(settings, "interactions")
    assert first["id"] == identity
    assert first["question"] == first["standalone_question"] == "How many days of leave?"
    assert first["answer"].startswith("Everyone has 28 days")
    assert (first["answer_type"], first["model"], first["cached"]) == ("answer", "reader@shipped", "none")
    assert json.loads(first["citations"])[0]["source"] == "leave.md"
    assert json.loads(first["hits"])[0].keys() == {"chunk", "source", "score", "dense", "lexical", "rerank"}
    assert json.loads(first["timings_ms"])["total"] > 0
    assert (second["cached"], json.loads(second["hits"])) == ("exact", [])


def test_feedback_is_kept_with_its_interaction(standing: Standing, settings: Settings) -> None:
    identity = standing.ask("How many days of leave?").json()["interaction_id"]
    body = {"interaction_id": identity, "rating": -1, "comment": "too short", "correction": "30 days"}
    response = standing.client.post("/v1/feedback", json=body)
    assert response.json() == {"interaction_id": identity, "rating": -1}
    (row,) = rows(settings, "feedback")
    assert (row["interaction_id"], row["rating"]) == (identity, -1)
    assert (row["comment"], row["correction"]) == ("too short", "30 days")


def test_feedback_on_nothing_is_404(standing: Standing, settings: Settings) -> None:
    response = standing.client.post("/v1/feedback", json={"interaction_id": "nope", "rating": 1})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "unknown_interaction")
    assert rows(settings, "feedback") == []


@pytest.mark.parametrize("rating", [0, 2, "good", True, None])
def test_a_rating_is_one_or_minus_one(standing: Standing, rating: Any) -> None:
    response = standing.client.post("/v1/feedback", json={"interaction_id": "x", "rating": rating})
    assert response.status_code == (404 if rating is True else 422)


def test_a_broken_database_never_fails_an_answer_to_a_key_of_the_settings(
    stand: Callable[..., Standing], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.data_dir.mkdir()
    Path(settings.database).write_text("this is no database, but it is long enough to be read as one" * 20)
    with_keys = settings.model_copy(update={"service": ServiceSettings(api_keys=("chat-key",))})
    standing = stand(with_keys)
    standing.client.headers["Authorization"] = "Bearer chat-key"
    reply = standing.ask("How many days of leave?")
    assert reply.status_code == 200
    assert reply.json()["interaction_id"] is None
    assert "could not be logged" in caplog.text
    feedback = standing.client.post("/v1/feedback", json={"interaction_id": "x", "rating": 1})
    assert (feedback.status_code, feedback.json()["error"]["code"]) == (503, "service_unavailable")


def test_the_log_can_be_turned_off(stand: Callable[..., Standing], settings: Settings) -> None:
    service = ServiceSettings(log_interactions=False)
    standing = stand(settings.model_copy(update={"service": service}))
    assert standing.ask("How many days of leave?").json()["interaction_id"] is None
    assert not settings.database.exists()
    feedback = standing.client.post("/v1/feedback", json={"interaction_id": "x", "rating": 1})
    assert (feedback.status_code, feedback.json()["error"]["code"]) == (503, "log_disabled")
