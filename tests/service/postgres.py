"""A real PostgreSQL of a test's own, on a free port, gone after the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine

USER = "postgres"  # who runs the server where the tests run as root, which PostgreSQL refuses
_QUICK = ("fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=20")


@contextmanager
def cluster() -> Iterator[str]:
    """The URL of a fresh database. Skips where PostgreSQL is not installed, unless
    INHOUSE_REQUIRE_POSTGRES=1 asks for it.
    """
    programs = _programs()
    if programs is None:
        if os.environ.get("INHOUSE_REQUIRE_POSTGRES") == "1":
            pytest.fail("INHOUSE_REQUIRE_POSTGRES is 1, but PostgreSQL's programs are not installed")
        pytest.skip("PostgreSQL's programs (initdb, pg_ctl) are not installed")
    folder = Path(tempfile.mkdtemp(prefix="inhouse-pg-", dir="/tmp"))  # a socket's path must be short
    try:
        if os.getuid() == 0:
            shutil.chown(folder, USER)
        data, port = folder / "data", _free_port()
        _run([programs / "initdb", "-D", data, "-U", "inhouse", "-A", "trust", "-E", "UTF8", "--no-sync"])
        settings = " ".join(f"-c {setting}" for setting in _QUICK)
        options = f"-h 127.0.0.1 -p {port} -k {folder} {settings}"
        control = [programs / "pg_ctl", "-D", data, "-w", "-t", "30"]
        _run([*control, "-l", folder / "log", "-o", options, "start"])
        try:
            yield f"postgresql+psycopg://inhouse@127.0.0.1:{port}/postgres"
        finally:
            _run([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fresh_database(url: str) -> str:
    """The URL of one more database, which is empty."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    name = f"test_{uuid.uuid4().hex}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return url.removesuffix("/postgres") + f"/{name}"


def _programs() -> Path | None:
    found = shutil.which("pg_ctl")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").is_file()), None)


def _run(command: Sequence[str | Path]) -> None:
    words = [str(word) for word in command]
    if os.getuid() == 0:
        user = pwd.getpwnam(USER)
        words = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *words]
    done = subprocess.run(
        words, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
