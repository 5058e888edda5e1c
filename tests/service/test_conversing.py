"""Which answers come from the cache, seen through HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.settings import ServiceSettings, Settings
from service.caching import MemoryCache
from tests.service.conftest import HANDBOOK, Standing


def text_of(response: Any) -> str:
    text: str = response.json()["choices"][0]["message"]["content"]
    return text


def test_a_repeated_question_comes_from_the_cache_and_is_the_same(standing: Standing) -> None:
    first = standing.ask("How many days of leave?")
    second = standing.ask("how many  DAYS of leave?")
    assert (first.json()["cached"], second.json()["cached"]) == ("none", "exact")
    assert text_of(first) == text_of(second)
    assert first.json()["citations"] == second.json()["citations"]
    assert first.json()["usage"] == second.json()["usage"]
    assert first.json()["interaction_id"] != second.json()["interaction_id"]
    assert len(standing.inhouse.asked) == 1


def test_a_stream_fills_the_cache_and_is_served_from_it(standing: Standing) -> None:
    standing.ask("How many days of leave?", stream=True)
    assert standing.ask("How many days of leave?").json()["cached"] == "exact"
    again = standing.ask("How many days of leave?", stream=True).text
    assert '"cached": "exact"' in again
    assert "Everyone has 28 days of paid leave a year. [1]" in again
    assert len(standing.inhouse.asked) == 1


def test_a_cached_answer_does_not_survive_a_reindex(standing: Standing) -> None:
    standing.ask("How many days of leave?")
    standing.inhouse.index.change(**{"leave.md": ("Leave", "Everyone has 30 days of paid leave a year.")})
    reply = standing.ask("How many days of leave?")
    assert reply.json()["cached"] == "none"
    assert "30 days" in text_of(reply)


def test_a_deleted_document_never_answers_from_the_cache(standing: Standing) -> None:
    standing.ask("How many days of leave?")
    standing.inhouse.index.change(**{"it/vpn.md": HANDBOOK["it/vpn.md"]})
    assert "28 days" not in standing.ask("How many days of leave?").text


def test_two_indexes_of_the_same_version_share_no_answers(
    stand: Callable[..., Standing], settings: Settings
) -> None:
    shared = MemoryCache()
    one, other = stand(settings, cache=shared), stand(settings, cache=shared)
    other.inhouse.index.files["leave.md"] = ("Leave", "Everyone has 31 days of paid leave a year.")
    one.ask("How many days of leave?")
    reply = other.ask("How many days of leave?")
    assert reply.json()["cached"] == "none"
    assert "31 days" in text_of(reply)


def test_another_history_or_adapter_is_another_answer(standing: Standing) -> None:
    standing.ask("How many days of leave?")
    messages = [{"role": "user", "content": "Hello"}, {"role": "user", "content": "How many days of leave?"}]
    reply = standing.client.post("/v1/chat/completions", json={"messages": messages}).json()
    assert reply["cached"] == "none"
    standing.inhouse.adapter = "tuned"
    assert standing.ask("How many days of leave?").json()["cached"] == "none"


def test_a_fault_is_not_cached(standing: Standing) -> None:
    standing.inhouse.fault = RuntimeError("once")
    assert standing.ask("How many days of leave?").status_code == 500
    standing.inhouse.fault = None
    assert standing.ask("How many days of leave?").json()["cached"] == "none"


def test_a_broken_off_stream_is_not_cached(standing: Standing) -> None:
    standing.inhouse.fault_in_stream = RuntimeError("once")
    standing.ask("How many days of leave?", stream=True)
    standing.inhouse.fault_in_stream = None
    assert standing.ask("How many days of leave?").json()["cached"] == "none"


@pytest.mark.parametrize("ttl", [0, 60])
def test_a_ttl_of_zero_turns_the_cache_off(
    stand: Callable[..., Standing], settings: Settings, ttl: int
) -> None:
    service = ServiceSettings(cache_ttl_s=ttl)
    standing = stand(settings.model_copy(update={"service": service}))
    standing.ask("How many days of leave?")
    assert standing.ask("How many days of leave?").json()["cached"] == ("exact" if ttl else "none")


def test_a_dead_redis_costs_nothing_but_the_cache(stand: Callable[..., Standing], settings: Settings) -> None:
    service = ServiceSettings(redis_url="redis://127.0.0.1:1/0")
    standing = stand(settings.model_copy(update={"service": service}))
    assert standing.ask("How many days of leave?").json()["cached"] == "none"
    assert standing.ask("How many days of leave?", stream=True).status_code == 200
    standing.inhouse.index.change(**HANDBOOK)
    reply = standing.ask("How many days of leave?")
    assert (reply.status_code, reply.json()["cached"]) == (200, "none")
