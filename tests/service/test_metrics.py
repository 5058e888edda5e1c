"""GET /metrics: what is counted, who may read it, and that nothing personal becomes a label."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.guards import count_trip
from core.settings import ObservationSettings, ServiceSettings, Settings
from tests.service.conftest import Standing

Stand = Callable[..., Standing]


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(text: str, name: str, **labels: str) -> float:
    return samples(text)[name, frozenset(labels.items())]


def test_requests_answers_stages_tokens_and_index_are_counted(standing: Standing) -> None:
    standing.ask("How many days of paid leave?")
    standing.ask("How many days of paid leave?")
    text = standing.client.get("/metrics").text
    route = "/v1/chat/completions"
    assert value(text, "inhouse_requests_total", route=route, method="POST", status="200") == 2
    assert value(text, "inhouse_answers_total", type="answer", cached="none") == 1
    assert value(text, "inhouse_answers_total", type="answer", cached="exact") == 1
    assert value(text, "inhouse_stage_seconds_count", stage="retrieve") == 1
    assert value(text, "inhouse_tokens_total", kind="output") == 14
    assert value(text, "inhouse_index_version") == 1
    assert value(text, "inhouse_index_chunks") == 3


def test_guard_trips_are_counted_by_guard_and_reason(standing: Standing) -> None:
    count_trip("question", "made_for_a_test")
    text = standing.client.get("/metrics").text
    assert value(text, "inhouse_guard_trips_total", guard="question", reason="made_for_a_test") == 1


def test_labels_hold_neither_questions_nor_paths_that_somebody_made_up(standing: Standing) -> None:
    standing.ask("How many days of leave has anna@example.com?")
    for number in range(20):
        standing.client.get(f"/secret-{number}")
        standing.client.request(f"X{number}", "/health/live")
    text = standing.client.get("/metrics").text
    assert "anna" not in text
    assert "secret" not in text
    assert value(text, "inhouse_requests_total", route="other", method="GET", status="404") == 20
    assert len([key for key in samples(text) if key[0] == "inhouse_requests_total"]) < 8


def test_metrics_need_an_admin_key_from_elsewhere(stand: Stand, tmp_path: Path) -> None:
    service = ServiceSettings(api_keys=("chat-key",), admin_keys=("admin-key",))
    client = stand(Settings(data_dir=tmp_path, service=service)).client
    assert client.get("/metrics").status_code == 200  # from this machine
    proxied = {"X-Forwarded-For": "203.0.113.9"}
    assert client.get("/metrics", headers=proxied).status_code == 401
    chat = {**proxied, "Authorization": "Bearer chat-key"}
    assert client.get("/metrics", headers=chat).status_code == 403
    admin = {**proxied, "Authorization": "Bearer admin-key"}
    assert client.get("/metrics", headers=admin).status_code == 200


@pytest.mark.parametrize("opened", [True, False])
def test_a_setting_opens_metrics(stand: Stand, tmp_path: Path, opened: bool) -> None:
    service = ServiceSettings(admin_keys=("admin-key",))
    observation = ObservationSettings(metrics_open=opened)
    settings = Settings(data_dir=tmp_path, service=service, observation=observation)
    response = stand(settings).client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"})
    assert (response.status_code == 200) is opened


def test_redis_that_is_away_shows_as_down_and_costs_little(stand: Stand, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, service=ServiceSettings(redis_url="redis://127.0.0.1:1/0"))
    assert value(stand(settings).client.get("/metrics").text, "inhouse_redis_up") == 0
