from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import OperationalError

from core.errors import InvalidInputError, ServiceError
from core.settings import LogSettings, ServiceSettings, Settings
from core.types import Answer
from service import cli, retention
from service.auth import Caller
from service.conversing import Question
from service.database import Database
from service.interactions import Interactions, Maker, interaction_row
from service.retention import Purged, Sweeper, purge, purge_log, sweep
from service.tables import conversations, feedback, interactions, turns
from tests.service.conftest import Standing

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def database(either_settings: Settings) -> Iterator[Database]:
    opened = Database.of(either_settings)
    yield opened
    opened.close()


def write(
    database: Database, age_days: float = 0, text: str = "q", conversation: str = "", key: str = ""
) -> str:
    question = Question(text, caller=Caller(key), conversation_id=conversation)
    row = interaction_row(question, Answer("a", "answer"), "none", {}, Maker())
    assert Interactions(database).write([{**row, "time": NOW - timedelta(days=age_days)}]) == 1
    return str(row["id"])


def kept(database: Database, column: Any = interactions.c.question) -> list[Any]:
    with database.begin() as connection:
        return list(connection.scalars(select(column).order_by(column)))


def converse(database: Database, name: str, key: str = "") -> None:
    with database.begin() as connection:
        talk = {"id": name, "key_id": key, "title": "t", "created": NOW, "updated": NOW}
        connection.execute(insert(conversations).values(talk))
        turn = {"conversation_id": name, "time": NOW, "role": "user", "content": "hello"}
        connection.execute(insert(turns).values(turn))


def test_what_is_older_than_the_days_to_keep_goes_with_its_feedback(database: Database) -> None:
    old, young = write(database, 181, "old"), write(database, 179, "young")
    for identity in (old, young):
        Interactions(database).rate(identity, 1)
    assert sweep(database, 180, NOW) == Purged(interactions=1, feedback=1)
    assert kept(database) == ["young"]
    assert kept(database, feedback.c.interaction_id) == [young]


def test_zero_days_keep_everything(database: Database) -> None:
    write(database, 10_000)
    assert sweep(database, 0, NOW) == Purged()
    assert kept(database) == ["q"]


def test_more_than_a_batch_goes(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_BATCH", 2)
    for _ in range(5):
        write(database, 2)
    assert sweep(database, 1, NOW).interactions == 5


def test_a_conversation_is_deleted_with_its_turns(database: Database) -> None:
    for name in ("mine", "yours"):
        converse(database, name)
        write(database, text=name, conversation=name)
    assert purge(database, conversation_id="mine") == Purged(interactions=1, conversations=1)
    assert kept(database) == kept(database, turns.c.conversation_id) == ["yours"]


def test_a_key_takes_all_its_questions_along(database: Database) -> None:
    for name in ("a", "b"):
        converse(database, f"talk of {name}", name)
        write(database, text=name, key=name)
    assert purge(database, key_id="a") == Purged(interactions=1, conversations=1)
    assert (kept(database), kept(database, conversations.c.id)) == (["b"], ["talk of b"])


def test_conditions_together_must_all_be_met(database: Database) -> None:
    write(database, 5, "old of a", key="a")
    write(database, 1, "young of a", key="a")
    write(database, 5, "old of b", key="b")
    assert purge(database, before=NOW - timedelta(days=3), key_id="a").interactions == 1
    assert kept(database) == ["old of b", "young of a"]


def test_a_sqlite_file_gets_smaller_and_holds_nothing_of_what_was_purged(settings: Settings) -> None:
    database = Database.of(settings)
    for number in range(200):
        write(database, text=f"{number} tell me about the zeppelin " + "x" * 5000, key="a")
    write(database, text="kept", key="b")
    before = settings.database.stat().st_size
    assert purge(database, key_id="a").interactions == 200
    files = [path for path in settings.data_dir.iterdir() if path.name.startswith("inhouse.db")]
    assert not any(b"zeppelin" in path.read_bytes() for path in files)
    assert settings.database.stat().st_size < before / 4
    assert kept(database) == ["kept"]


def test_a_sweep_gives_the_room_back_too(settings: Settings) -> None:
    database = Database.of(settings)
    for number in range(200):
        write(database, 2, f"{number} " + "x" * 5000)
    before = settings.database.stat().st_size
    sweep(database, 1, NOW)
    assert settings.database.stat().st_size < before / 2


def test_a_file_that_cannot_be_written_anew_is_purged_all_the_same(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database.of(settings)
    for _ in range(50):
        write(database, text="zeppelin " + "x" * 5000, key="a")
    real = Database.give_back_space

    def no_room(self: Database, *, whole: bool = False) -> None:
        if whole:
            raise OperationalError("VACUUM", None, Exception("database or disk is full"))
        real(self)

    monkeypatch.setattr(Database, "give_back_space", no_room)
    assert purge(database, key_id="a").interactions == 50
    assert "disk is full" in caplog.text
    assert b"zeppelin" not in settings.database.read_bytes()
    assert settings.database.stat().st_size < 50 * 5000 / 2


def test_a_server_sweeps_while_it_runs(stand: Callable[..., Standing], settings: Settings) -> None:
    def sweeps() -> bool:
        return any(thread.name == "log-sweeper" for thread in threading.enumerate())

    stand(settings.model_copy(update={"log": LogSettings(keep_days=0)}))
    assert not sweeps()
    stand(settings)
    assert sweeps()


def test_a_server_that_logs_no_more_sweeps_what_it_logged(
    stand: Callable[..., Standing], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.app.Sweeper", partial(Sweeper, first_s=0, every_s=0.01))
    database = Database.of(settings)
    row = interaction_row(Question("old"), Answer("a", "answer"), "none", {}, Maker())
    Interactions(database).write([{**row, "time": datetime.now(UTC) - timedelta(days=200)}])
    stand(settings.model_copy(update={"service": ServiceSettings(log_interactions=False)}))
    until = time.monotonic() + 10
    while kept(database) and time.monotonic() < until:
        time.sleep(0.02)
    assert kept(database) == []


def test_a_sweep_makes_no_file_where_nothing_was_written(settings: Settings) -> None:
    assert sweep(Database.of(settings), 180) == Purged()
    assert not settings.database.exists()


def test_the_sweeper_goes_on_after_a_fault(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database.of(settings)
    write(database, 400)
    faults = iter([OSError("disk gone")])
    real = retention.sweep

    def failing_once(*given: Any) -> Purged:
        for fault in faults:
            raise fault
        return real(*given)

    monkeypatch.setattr(retention, "sweep", failing_once)
    swept = threading.Event()
    sweeper = Sweeper(database, 180, first_s=0, every_s=0.01, swept=lambda _: swept.set())
    sweeper.start()
    assert swept.wait(10)
    sweeper.stop()
    assert kept(database) == []


def test_the_command_deletes_what_is_named_and_counts(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Database.of(settings)
    write(database, 5, "old")
    write(database, 1, "young")
    arguments = ["log", "purge", "--data-dir", str(settings.data_dir), "--json"]
    assert cli.main([*arguments, "--before", "2026-11-23"]) == 0
    assert json.loads(capsys.readouterr().out) == {"interactions": 1, "feedback": 0, "conversations": 0}
    assert kept(database) == ["young"]
    assert cli.main(arguments[:-1]) == 0  # by log.keep_days
    assert capsys.readouterr().out == "Deleted: 0 interactions, 0 feedback, 0 conversations.\n"


@pytest.mark.parametrize("date", ["yesterday", "2026-13-01", "", "25.11.2026", "9999-12-31T23:59-23:00"])
def test_a_wrong_date_is_wrong_usage(
    settings: Settings, capsys: pytest.CaptureFixture[str], date: str
) -> None:
    assert cli.main(["log", "purge", "--data-dir", str(settings.data_dir), f"--before={date}"]) == 2
    assert "is no date: write 2026-11-25" in capsys.readouterr().err


def test_a_date_without_a_zone_is_utc() -> None:
    assert cli.moment("2026-11-25") == datetime(2026, 11, 25, tzinfo=UTC)
    assert cli.moment("2026-11-25T14:30+02:00") == datetime(2026, 11, 25, 12, 30, tzinfo=UTC)


def test_unknown_ids_delete_nothing(database: Database, either_settings: Settings) -> None:
    write(database)
    assert purge_log(either_settings, conversation_id="nope", key_id="' OR 1=1 --") == Purged()
    assert kept(database) == ["q"]


def test_a_purge_without_a_log_makes_no_log(settings: Settings) -> None:
    assert purge_log(settings, key_id="a") == Purged()
    assert not settings.data_dir.exists()


def test_keeping_everything_and_naming_nothing_is_refused(settings: Settings) -> None:
    endless = settings.model_copy(update={"log": LogSettings(keep_days=0)})
    with pytest.raises(InvalidInputError, match="--before DATE"):
        purge_log(endless)


def test_a_broken_database_is_told(settings: Settings) -> None:
    settings.data_dir.mkdir()
    settings.database.write_text("no database " * 100)
    with pytest.raises(ServiceError, match="cannot be purged"):
        purge_log(settings, key_id="a")


def test_a_file_of_before_the_retention_gives_its_room_back(settings: Settings) -> None:
    """Its pages could not be given back until it is written anew."""
    import sqlite3

    settings.data_dir.mkdir()
    plain = sqlite3.connect(settings.database)
    plain.execute("CREATE TABLE other (x)")
    plain.commit()
    plain.close()
    database = Database.of(settings)
    for _ in range(50):
        write(database, 2, "x" * 5000)
    purge(database, key_id="nobody")
    full = settings.database.stat().st_size
    sweep(database, 1, NOW)
    assert settings.database.stat().st_size < full / 2
    with database.begin() as connection:
        assert connection.scalar(select(func.count()).select_from(interactions)) == 0
