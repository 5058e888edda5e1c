"""Keys of the database: made and revoked on the command line, believed by every server."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from core.errors import ConfigurationError, InvalidInputError, ServiceError
from core.settings import ServiceSettings, Settings
from service import cli, server
from service.database import Database
from service.errors import NotFoundError
from service.key_ring import FRESH_S, NOTED_S, KeyRing
from service.keys import Key, KeyStore, days_from_now, digest_of
from tests.service.conftest import Standing

ROOT = Path(__file__).resolve().parents[2]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(settings: Settings) -> KeyStore:
    return KeyStore(Database.of(settings))


def known(ring: KeyRing, key: str) -> bool:
    ring.refresh()
    return ring.find(key) is not None


def test_only_the_digest_of_a_key_is_stored(store: KeyStore, settings: Settings) -> None:
    row, key = store.create("Rosa", ["admin", "chat", "chat"], ["board", " board", ""])
    assert key.startswith("ih_")
    assert len(key) == 46
    assert (row.scopes, row.groups, row.digest) == (("admin", "chat"), ("board",), digest_of(key))
    (stored,) = store.all()
    assert stored == row
    with create_engine(f"sqlite:///{settings.database}").connect() as connection:
        assert key not in str(connection.execute(text("SELECT * FROM api_keys")).all())
    assert key.encode() not in settings.database.read_bytes()
    assert not {"digest", "key"} & set(stored.to_json())


@pytest.mark.parametrize(
    ("name", "scopes", "expires"),
    [
        (" ", ["chat"], None),
        ("x", [], None),
        ("x", ["root"], None),
        ("x", ["chat"], datetime(2020, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(
    store: KeyStore, name: str, scopes: list[str], expires: datetime | None
) -> None:
    with pytest.raises(InvalidInputError):
        store.create(name, scopes, expires=expires)
    with pytest.raises(InvalidInputError, match="calendar"):
        days_from_now(10**9)
    assert store.all() == []


def test_a_revoked_key_is_unknown_once_the_ring_is_no_longer_fresh(store: KeyStore) -> None:
    clock = Clock()
    ring = KeyRing(store, clock)
    row, key = store.create("Rosa")
    assert known(ring, key)
    first, again = store.revoke(row.id), store.revoke(row.id)
    assert first.revoked == again.revoked is not None
    clock.now += FRESH_S
    assert not ring.is_fresh
    assert not known(ring, key)
    assert not ring.is_empty
    with pytest.raises(NotFoundError, match="inhouse keys list"):
        store.revoke("nobody")


def test_a_key_expires_to_the_moment_without_the_database_being_read(store: KeyStore) -> None:
    expires = datetime.now(UTC) + timedelta(hours=1)
    _, key = store.create("Rosa", expires=expires)
    now = [expires - timedelta(microseconds=1)]
    ring = KeyRing(store, now=lambda: now[0])
    assert known(ring, key)
    now[0] = expires
    assert ring.find(key) is None


def test_the_database_is_read_at_most_once_in_a_while(
    store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, reads = Clock(), []
    real = store.all
    monkeypatch.setattr(store, "all", lambda: reads.append(1) or real())  # type: ignore[func-returns-value]
    ring = KeyRing(store, clock)
    for _ in range(10):
        assert not known(ring, "ih_guess")
    assert len(reads) == 1
    clock.now += FRESH_S
    ring.refresh()
    assert len(reads) == 2


def until(condition: Callable[[], bool], seconds: float = 5) -> float:
    """Seconds until it holds."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds
        time.sleep(0.01)
    return time.monotonic() - started


def test_the_last_use_is_written_now_and_then_and_never_backwards(store: KeyStore) -> None:
    clock = Clock()
    ring = KeyRing(store, clock)
    row, key = store.create("Rosa")

    def last_used() -> datetime | None:
        return store.all()[0].last_used

    assert known(ring, key)
    assert last_used() is None
    clock.now += NOTED_S
    ring.refresh()
    until(lambda: last_used() is not None)
    noted = last_used()
    assert noted is not None
    assert ring.find(key) is not None
    ring.note_use()
    latest = last_used()
    assert latest is not None
    assert latest > noted
    store.note_use({row.id: noted})  # from a process that was slower
    assert last_used() == latest


def test_many_requests_at_once_read_the_keys_once(store: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.create("Rosa")
    reads: list[int] = []
    real = store.all

    def slow() -> list[Key]:
        reads.append(1)
        time.sleep(0.05)
        return real()

    monkeypatch.setattr(store, "all", slow)

    async def scenario() -> None:
        ring = KeyRing(store)
        await asyncio.gather(*(ring.freshen() for _ in range(100)))
        assert not ring.is_empty

    asyncio.run(scenario())
    assert len(reads) == 1


def test_a_database_that_says_nothing_is_told_and_takes_no_more_than_one_thread(
    store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = threading.Event()
    monkeypatch.setattr("service.key_ring.WAIT_S", 0.05)

    def wait() -> list[Key]:
        assert silent.wait(10)
        return []

    monkeypatch.setattr(store, "all", wait)

    async def scenario() -> None:
        ring = KeyRing(store)
        first = asyncio.create_task(ring.freshen())
        await asyncio.sleep(0)
        others = await asyncio.gather(*(ring.freshen() for _ in range(100)), return_exceptions=True)
        assert {getattr(fault, "code", "") for fault in others} == {"keys_unavailable"}
        silent.set()
        await first
        await ring.freshen()

    asyncio.run(scenario())


def run(capsys: pytest.CaptureFixture[str], settings: Settings, *arguments: str) -> tuple[int, Any]:
    status = cli.main(["keys", *arguments, "--json", "--data-dir", str(settings.data_dir)])
    return status, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_keys_are_made_listed_and_revoked_on_the_command_line(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, settings, "list") == (0, {"keys": []})
    status, made = run(
        capsys, settings, "create", "Rosa", "--scope", "chat", "--group", "board", "--expires-days", "30"
    )
    assert status == 0
    key = made.pop("key")
    assert key.startswith("ih_")
    assert (made["name"], made["scopes"], made["groups"], made["state"]) == (
        "Rosa",
        ["chat"],
        ["board"],
        "active",
    )
    assert datetime.fromisoformat(made["expires"]) - datetime.now(UTC) > timedelta(days=29)
    assert run(capsys, settings, "list") == (0, {"keys": [made]})
    assert run(capsys, settings, "revoke", made["id"])[1]["state"] == "revoked"
    assert run(capsys, settings, "list")[1]["keys"][0]["revoked"]
    status, told = run(capsys, settings, "revoke", "nobody")
    assert (status, told["error"]["code"]) == (1, "unknown_key")


def test_people_see_the_key_once_and_a_table_without_it(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data-dir", str(settings.data_dir)]
    assert cli.main(["keys", "create", "Rosa", "--scope", "admin", *where]) == 0
    key = capsys.readouterr().out.splitlines()[0]
    assert key.startswith("ih_")
    assert cli.main(["keys", "list", *where]) == 0
    listed = capsys.readouterr().out
    assert "Rosa" in listed
    assert "admin" in listed
    assert key not in listed


@pytest.mark.parametrize(
    "arguments",
    [[], ["create"], ["create", "x", "--scope", "root"], ["revoke"], ["create", "x", "--expires-days", "0"]],
)
def test_wrong_usage_of_keys_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["keys", *arguments, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "wrong_usage"


def ask(standing: Standing, path: str, key: str | None) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    response = standing.client.get(path, headers=headers)
    return response.status_code, response.json().get("error", {}).get("code", "")


def test_a_key_of_the_database_opens_what_its_scope_allows(
    stand: Callable[..., Standing], settings: Settings, store: KeyStore
) -> None:
    _, chat = store.create("Rosa")
    _, admin = store.create("Anna", ["admin"])
    keys = ServiceSettings(api_keys=("from-settings",))
    standing = stand(settings.model_copy(update={"service": keys}))
    assert ask(standing, "/v1/models", chat) == (200, "")
    assert ask(standing, "/v1/models", admin) == (200, "")
    assert ask(standing, "/v1/models", "from-settings") == (200, "")
    assert ask(standing, "/admin/documents", chat) == (403, "permission_denied")
    assert ask(standing, "/admin/documents", "from-settings") == (403, "permission_denied")
    assert ask(standing, "/admin/documents", admin) == (200, "")
    assert ask(standing, "/v1/models", None) == (401, "missing_api_key")
    assert ask(standing, "/v1/models", chat + "x") == (401, "invalid_api_key")


def test_the_first_key_locks_a_running_server_and_its_end_does_not_unlock_it(
    standing: Standing, store: KeyStore
) -> None:
    assert ask(standing, "/v1/models", None) == (200, "")
    row, key = store.create("Rosa")
    assert until(lambda: ask(standing, "/v1/models", None) == (401, "missing_api_key")) < 1.5
    assert ask(standing, "/v1/models", key) == (200, "")
    store.revoke(row.id)
    assert until(lambda: ask(standing, "/v1/models", key) == (401, "invalid_api_key")) < 1.5
    assert ask(standing, "/v1/models", None) == (401, "missing_api_key")


def test_a_key_in_the_database_is_enough_to_serve_other_machines(settings: Settings, store: KeyStore) -> None:
    with pytest.raises(ConfigurationError, match="inhouse keys create"):
        server.listen(settings, "0.0.0.0", 0)
    store.create("Rosa")
    server.listen(settings, "0.0.0.0", 0).close()


AWAY = "postgresql+psycopg://rosa@127.0.0.1:1/none"


def test_without_its_database_a_server_lets_nobody_in_but_keys_of_the_settings(
    stand: Callable[..., Standing], settings: Settings
) -> None:
    away = settings.model_copy(update={"database_url": AWAY})
    keyless = stand(away)
    for key in (None, "ih_guess"):
        assert ask(keyless, "/v1/models", key) == (503, "keys_unavailable")
        assert ask(keyless, "/admin/documents", key) == (503, "keys_unavailable")
    keyed = stand(away.model_copy(update={"service": ServiceSettings(api_keys=("mine",))}))
    assert ask(keyed, "/v1/models", "mine") == (200, "")
    assert ask(keyed, "/v1/models", "ih_guess") == (503, "keys_unavailable")
    response = keyed.client.get("/v1/models")
    assert int(response.headers["retry-after"]) > 0
    with pytest.raises(ServiceError):
        server.listen(away, "0.0.0.0", 0)


class Postgres:
    """A real one, which can be stopped and started."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.url = f"postgresql+psycopg://inhouse@127.0.0.1:{port}/postgres"
        options = ["-U", "inhouse", "--auth", "trust", "--no-sync", "-D", str(folder)]
        self._run("initdb", *options)

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self._run(
            "pg_ctl", "-D", str(self.folder), "-w", "-o", options, "-l", str(self.folder / "log"), "start"
        )

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder), "-w", "-m", "immediate", "stop")

    def _run(self, *command: str) -> None:
        as_other = (
            ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.getuid() == 0 else []
        )
        subprocess.run([*as_other, *command], check=True, stdout=subprocess.DEVNULL, timeout=60)


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    if shutil.which("initdb") is None or shutil.which("pg_ctl") is None:
        pytest.skip("PostgreSQL is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "data"
        folder.mkdir(mode=0o700)
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            Path(name).chmod(0o755)
            shutil.chown(folder, "nobody", "nogroup")
        postgres = Postgres(folder, port)
        postgres.start()
        yield postgres
        if (folder / "postmaster.pid").exists():
            postgres.stop()


def test_a_database_that_goes_away_is_503_and_comes_back_without_a_restart(
    stand: Callable[..., Standing], settings: Settings, postgres: Postgres
) -> None:
    standing = stand(settings.model_copy(update={"database_url": postgres.url}))
    _, key = KeyStore(Database(postgres.url)).create("Rosa")
    assert ask(standing, "/v1/models", key) == (200, "")
    postgres.stop()
    assert until(lambda: ask(standing, "/v1/models", key) == (503, "keys_unavailable")) < 1.5
    assert ask(standing, "/v1/models", None) == (503, "keys_unavailable")
    postgres.start()
    assert until(lambda: ask(standing, "/v1/models", key) == (200, "")) < 3
    assert ask(standing, "/v1/models", None) == (401, "missing_api_key")


SERVER = """
import sys
from core.settings import Settings
from service import server
from service.app import create_app
from tests.service.conftest import StandInIndex, StandInInhouse
import uvicorn
settings = Settings(data_dir=sys.argv[1])
with server.listen(settings, "127.0.0.1", 0) as listener:
    stand_in = StandInInhouse(settings, StandInIndex())
    app = create_app(settings, wire=lambda shared: stand_in, warm_up=False)
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False)).run(sockets=[listener])
"""


def test_a_key_revoked_by_one_process_is_refused_by_another_within_a_second(
    settings: Settings, store: KeyStore, capsys: pytest.CaptureFixture[str]
) -> None:
    import httpx

    row, key = store.create("Rosa")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SERVER, str(settings.data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            url = f"http://127.0.0.1:{process.stdout.readline().strip()}/v1/models"
            headers = {"Authorization": f"Bearer {key}"}
            with httpx.Client(headers=headers, timeout=20) as client:
                assert client.get(url).status_code == 200
                assert run(capsys, settings, "revoke", row.id)[0] == 0
                assert until(lambda: client.get(url).status_code == 401) < 1
        finally:
            process.terminate()
    assert store.all()[0].last_used is not None
