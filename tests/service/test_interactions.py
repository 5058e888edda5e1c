from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select

from core.errors import ServiceError
from core.settings import LogSettings, ServiceSettings, Settings
from core.types import Answer, Message
from service import tables
from service.auth import Caller
from service.conversing import Question
from service.database import Database
from service.errors import NotFoundError
from service.interactions import HISTORY_CHARS, HISTORY_MESSAGES, Interactions, Maker, interaction_row
from tests.service.conftest import Standing, StandInIndex

QUESTION = "How many days of leave?"


def rows(settings: Settings, table: Table = tables.interactions) -> list[dict[str, Any]]:
    database = Database.of(settings)
    with database.begin() as connection:
        found = [dict(row) for row in connection.execute(select(table).order_by(table.c.time)).mappings()]
    database.close()
    return found


def asked(text: str = QUESTION, **fields: Any) -> dict[str, Any]:
    return interaction_row(Question(text, **fields), Answer("a", "answer"), "none", {}, Maker())


@pytest.fixture
def log(either_settings: Settings) -> Iterator[Interactions]:
    database = Database.of(either_settings)
    yield Interactions(database)
    database.close()


def test_every_exchange_is_written_down_with_who_what_and_by_what(
    stand: Callable[..., Standing], either_settings: Settings
) -> None:
    standing = stand(either_settings)
    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good morning."}]
    body = {"messages": [*turns, {"role": "user", "content": QUESTION}], "temperature": 0.5}
    reply = standing.client.post("/v1/chat/completions", json=body, headers={"X-Request-ID": "r-1"})
    standing.client.post("/v1/chat/completions", json={**body, "stream": True})
    standing.app.state.conversing.settle_log()  # what was at hand is written a moment later
    first, second = rows(either_settings)
    assert first["id"] == reply.json()["interaction_id"]
    assert first["question"] == first["standalone_question"] == QUESTION
    assert first["history"] == turns
    assert first["answer"].startswith("Everyone has 28 days")
    assert (first["answer_type"], first["model"], first["cached"]) == ("answer", "reader@shipped", "none")
    assert (first["adapter"], first["index_version"], first["prompt_hash"]) == ("shipped", 1, "")
    assert (first["request_id"], first["key_id"], first["conversation_id"]) == ("r-1", "", "")
    assert (first["prompt_tokens"], first["completion_tokens"]) == (12, 7)
    assert (first["decoding"]["temperature"], first["guards"], first["masked"]) == (0.5, {}, True)
    assert first["citations"][0]["source"] == "leave.md"
    assert first["hits"][0].keys() == {"chunk", "source", "score", "dense", "lexical", "rerank"}
    assert first["timings_ms"]["total"] > 0
    assert (second["cached"], second["hits"]) == ("exact", [])


def test_a_commit_while_a_cached_answer_is_served_does_not_change_the_version_logged_with_it(
    standing: Standing, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing.ask(QUESTION)
    versions = chain([1], repeat(2))  # at the first look, and ever after
    monkeypatch.setattr(StandInIndex, "version", property(lambda _index: next(versions)), raising=False)
    assert standing.ask(QUESTION).json()["cached"] == "exact"
    standing.app.state.conversing.settle_log()
    assert [row["index_version"] for row in rows(settings)] == [1, 1]


def test_the_row_names_the_key_the_conversation_and_the_guard(log: Interactions) -> None:
    question = Question("x", caller=Caller("key-1"), conversation_id="c-1", request_id="r-1")
    blocked = Answer("no", "blocked", reason="prompt_injection", confidence=0.25)
    row = interaction_row(question, blocked, "none", {}, Maker("p", "a", 3))
    assert log.write([row]) == 1
    assert (row["key_id"], row["conversation_id"], row["confidence"]) == ("key-1", "c-1", 0.25)
    assert row["guards"] == {"prompt_injection": "question"}
    declined = Answer("no", "no_answer", reason="decision")
    assert interaction_row(question, declined, "none", {}, Maker())["guards"] == {}


def test_many_rows_are_written_at_once_and_one_that_the_database_refuses_spoils_none(
    log: Interactions, either_settings: Settings
) -> None:
    first, second, third = asked("one"), asked("two"), asked("three")
    assert log.write([first, second]) == 2
    assert log.write([third, {**second, "question": "again"}]) == 1
    assert [row["question"] for row in rows(either_settings)] == ["one", "two", "three"]
    assert log.write([]) == 0


@pytest.mark.parametrize("text", ["NUL \x00 inside", "half a pair \ud83d", "😀 ünïcode", "x" * 100_000])
def test_any_question_can_be_written(log: Interactions, either_settings: Settings, text: str) -> None:
    history = (Message("user", text),)
    row = asked(text, history=history, request_id="r" * 100, conversation_id="c" * 100)
    assert log.write([row]) == 1
    (written,) = rows(either_settings)
    assert written["question"] == text.replace("\x00", "\ufffd").replace("\ud83d", "?")
    assert (len(written["request_id"]), len(written["conversation_id"])) == (64, 36)


def test_a_long_conversation_is_kept_in_part() -> None:
    history = tuple(Message("user", f"{number} " + "x" * 10_000) for number in range(50))
    kept = asked(history=history)["history"]
    assert (len(kept), len(kept[0]["content"])) == (HISTORY_MESSAGES, HISTORY_CHARS)
    assert kept[-1]["content"].startswith("49 ")


PERSONAL = "Does jane.doe@example.com know? Her number is +49 170 1234567."
KEY = "AKIAIOSFODNN7EXAMPLE"


def test_personal_data_is_masked_before_writing(
    stand: Callable[..., Standing], either_settings: Settings
) -> None:
    standing = stand(either_settings)
    standing.inhouse.index.change(**{"leave.md": ("Leave", "Days of leave: ask jane.doe@example.com.")})
    history = [{"role": "user", "content": PERSONAL}, {"role": "assistant", "content": "ok"}]
    body = {"messages": [*history, {"role": "user", "content": f"days of leave? {PERSONAL}"}]}
    identity = standing.client.post("/v1/chat/completions", json=body).json()["interaction_id"]
    opinion = {"interaction_id": identity, "rating": -1, "comment": PERSONAL, "correction": PERSONAL}
    assert standing.client.post("/v1/feedback", json=opinion).status_code == 200
    (written,), (rated,) = rows(either_settings), rows(either_settings, tables.feedback)
    everything = repr((written, rated))
    assert "jane.doe" not in everything
    assert "1234567" not in everything
    assert written["question"] == "days of leave? Does [email] know? Her number is [phone]."
    assert written["answer"] == "Days of leave: ask [email]. [1]"
    assert written["citations"][0]["quote"] == "Days of leave: ask [email]."
    assert written["masked"] is True


def test_without_masking_keys_and_passwords_are_still_hidden(settings: Settings) -> None:
    log = Interactions(Database.of(settings), LogSettings(mask=False))
    row = asked(f"{PERSONAL} The key is {KEY}.", history=(Message("user", KEY),))
    assert log.write([row]) == 1
    log.rate(row["id"], 1, comment=KEY)
    (written,), (rated,) = rows(settings), rows(settings, tables.feedback)
    assert "jane.doe@example.com" in written["question"]
    assert KEY not in repr((written, rated))
    assert written["masked"] is False


def test_a_second_opinion_replaces_the_first(standing: Standing, settings: Settings) -> None:
    identity = standing.ask(QUESTION).json()["interaction_id"]
    body = {"interaction_id": identity, "rating": -1, "comment": "too short", "correction": "30 days"}
    response = standing.client.post("/v1/feedback", json=body)
    assert response.json() == {"interaction_id": identity, "rating": -1}
    (row,) = rows(settings, tables.feedback)
    assert (row["interaction_id"], row["rating"]) == (identity, -1)
    assert (row["comment"], row["correction"]) == ("too short", "30 days")
    standing.client.post("/v1/feedback", json={"interaction_id": identity, "rating": 1})
    (row,) = rows(settings, tables.feedback)
    assert (row["rating"], row["comment"], row["correction"]) == (1, "", "")


def test_a_key_rates_its_own_interactions_alone(log: Interactions, either_settings: Settings) -> None:
    mine, yours = asked(caller=Caller("mine")), asked(caller=Caller("yours"))
    log.write([mine, yours])
    log.rate(mine["id"], 1, key_id="mine")
    log.rate(mine["id"], -1, key_id="mine")
    with pytest.raises(NotFoundError):
        log.rate(yours["id"], 1, key_id="mine")
    log.rate(yours["id"], 1)  # without keys everything may be rated
    opinions = [(row["key_id"], row["rating"]) for row in rows(either_settings, tables.feedback)]
    assert opinions == [("mine", -1), ("", 1)]


@pytest.mark.parametrize("identity", ["nope", "", "\x00", "😀", "' OR 1=1 --"])
def test_feedback_on_nothing_is_404(
    stand: Callable[..., Standing], either_settings: Settings, identity: str
) -> None:
    standing = stand(either_settings)
    response = standing.client.post("/v1/feedback", json={"interaction_id": identity, "rating": 1})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "unknown_interaction")
    assert rows(either_settings, tables.feedback) == []


@pytest.mark.parametrize("rating", [0, 2, "good", True, None])
def test_a_rating_is_one_or_minus_one(standing: Standing, rating: Any) -> None:
    response = standing.client.post("/v1/feedback", json={"interaction_id": "x", "rating": rating})
    assert response.status_code == (404 if rating is True else 422)


def with_a_key(stand: Callable[..., Standing], settings: Settings) -> Standing:
    """Asked with a key of the settings: without one, nobody is served while the keys' database is away."""
    standing = stand(settings.model_copy(update={"service": ServiceSettings(api_keys=("chat-key",))}))
    standing.client.headers["Authorization"] = "Bearer chat-key"
    return standing


def test_a_broken_database_never_fails_an_answer_to_a_key_of_the_settings(
    stand: Callable[..., Standing], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.data_dir.mkdir()
    Path(settings.database).write_text("this is no database, but it is long enough to be read as one" * 20)
    standing = with_a_key(stand, settings)
    reply = standing.ask(QUESTION)
    assert reply.status_code == 200
    assert reply.json()["interaction_id"] is None
    assert "could not be logged" in caplog.text
    feedback = standing.client.post("/v1/feedback", json={"interaction_id": "x", "rating": 1})
    assert (feedback.status_code, feedback.json()["error"]["code"]) == (503, "service_unavailable")


def test_a_postgres_that_is_away_never_fails_an_answer(
    stand: Callable[..., Standing], settings: Settings
) -> None:
    url = "postgresql+psycopg://inhouse:hush@127.0.0.1:1/inhouse"
    standing = with_a_key(stand, settings.model_copy(update={"database_url": url}))
    reply = standing.ask(QUESTION)
    assert (reply.status_code, reply.json()["interaction_id"]) == (200, None)
    feedback = standing.client.post("/v1/feedback", json={"interaction_id": "x", "rating": 1})
    assert (feedback.status_code, feedback.json()["error"]["code"]) == (503, "service_unavailable")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own of 2 MB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a file system of its own can only be mounted by root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_costs_the_log_and_not_the_answer(
    stand: Callable[..., Standing], tiny_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(data_dir=tiny_disk)
    standing = stand(settings)
    assert standing.ask(QUESTION).json()["interaction_id"]
    ballast = tiny_disk / "ballast"
    with pytest.raises(OSError, match="space"):
        ballast.write_bytes(bytes(4_000_000))
    long = f"{QUESTION} {'Please tell me. ' * 100}"
    replies = [standing.ask(f"{number} {long}") for number in range(20)]
    assert {reply.status_code for reply in replies} == {200}
    assert replies[-1].json()["interaction_id"] is None
    assert "disk is full" in caplog.text
    assert "Please tell me" not in caplog.text
    ballast.unlink()
    assert standing.ask(f"Once more: {QUESTION}").json()["interaction_id"]


def test_a_fault_is_logged_without_what_was_asked(
    log: Interactions, caplog: pytest.LogCaptureFixture
) -> None:
    row = asked("A secret wish")
    assert log.write([row]) == 1
    assert log.write([row]) == 0
    assert "could not be logged" in caplog.text
    assert "secret wish" not in caplog.text


def test_access_logs_hold_no_text_of_questions(standing: Standing, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="inhouse"):
        identity = standing.ask(f"{QUESTION} Ask Rosalind.").json()["interaction_id"]
        standing.client.post("/v1/search", json={"query": "Rosalind leave"})
        opinion = {"interaction_id": identity, "rating": 1, "comment": "Rosalind knows"}
        standing.client.post("/v1/feedback", json=opinion)
    access = [record.__dict__ for record in caplog.records if record.name == "inhouse.access"]
    assert len(access) == 3
    assert "Rosalind" not in repr(access)


def test_the_log_can_be_turned_off(stand: Callable[..., Standing], settings: Settings) -> None:
    service = ServiceSettings(log_interactions=False)
    standing = stand(settings.model_copy(update={"service": service}))
    assert standing.ask(QUESTION).json()["interaction_id"] is None
    assert not settings.database.exists()
    feedback = standing.client.post("/v1/feedback", json={"interaction_id": "x", "rating": 1})
    assert (feedback.status_code, feedback.json()["error"]["code"]) == (503, "log_disabled")
    assert "retry-after" not in feedback.headers  # waiting would not change it


def test_a_database_that_is_away_is_named_to_who_rates(settings: Settings, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder should be")
    log = Interactions(Database.of(settings.model_copy(update={"data_dir": blocked / "data"})))
    with pytest.raises(ServiceError, match="could not be stored"):
        log.rate("x", 1)


def test_times_are_utc(log: Interactions, either_settings: Settings) -> None:
    log.write([asked()])
    (row,) = rows(either_settings)
    written = row["time"] if row["time"].tzinfo else row["time"].replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - written).total_seconds()) < 60
