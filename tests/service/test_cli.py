from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.bootstrap import Inhouse
from core.errors import IndexEmptyError, SourceError
from core.settings import Settings
from core.types import Answer, Citation
from ingestion.indexing import reindex
from service import cli, commands, presenting
from tests.fakes import FakeEmbedder

COMMAND = [sys.executable, "-m", "service.cli"]
ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "pydantic",
    "torch",
    "transformers",
    "fastapi",
    "chromadb",
    "guardrails",
    "numpy",
    "sqlalchemy",
    "redis",
)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, env=env, timeout=60)


def last_json(text: str) -> Any:
    return json.loads(text.strip().splitlines()[-1])


def test_help_names_every_command_quickly_and_imports_nothing_heavy() -> None:
    seconds = []
    for _ in range(3):  # the quickest of three, since other work may hold the machine up
        started = time.perf_counter()
        done = run("--help")
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.5
    assert done.returncode == 0
    for name in (
        "reindex",
        "search",
        "ask",
        "generate-qa",
        "import-qa",
        "retrain",
        "evaluate",
        "models",
        "export",
        "log",
        "keys",
        "serve",
        "status",
    ):
        assert name in done.stdout
    probe = f"import sys, service.cli; print([m for m in {HEAVY} if m in sys.modules])"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    imported = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, env=env)
    assert imported.stdout.strip() == "[]"


def test_every_command_takes_json_and_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for name in commands.COMMANDS:
        with pytest.raises(SystemExit) as stopped:
            cli.main([name, "--help"])
        assert stopped.value.code == 0
        assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["frobnicate"],
        ["ask"],
        ["search", "x", "-k", "0"],
        ["search", "x", "-k", "many"],
        ["retrain", "--kind", "poem"],
        ["models"],
        ["models", "activate"],
        ["models", "list", "something"],
    ],
)
def test_wrong_usage_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*arguments, "--json"]) == 2
    printed = capsys.readouterr()
    assert "usage: inhouse" in printed.err
    assert last_json(printed.out)["error"]["code"] == "wrong_usage"
    assert cli.main(arguments) == 2
    assert capsys.readouterr().out == ""


def test_a_wrong_setting_is_one_sentence() -> None:
    done = run("status", "--json", INHOUSE_SERVICE__PORT="many")
    assert done.returncode == 1
    assert last_json(done.stdout)["error"]["code"] == "invalid_configuration"
    assert "INHOUSE_SERVICE__PORT" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes `ask` raise what the test says."""

    def fail_with(fault: BaseException) -> None:
        def ask(settings: Any, arguments: Any) -> None:
            raise fault

        monkeypatch.setitem(commands.COMMANDS, "ask", ask)

    return fail_with


def test_a_named_fault_is_one_sentence_and_exit_1(failing: Any, capsys: pytest.CaptureFixture[str]) -> None:
    failing(IndexEmptyError("Nothing is indexed yet: run `inhouse reindex FOLDER`."))
    assert cli.main(["ask", "leave?"]) == 1
    printed = capsys.readouterr()
    assert printed.err == "inhouse: Nothing is indexed yet: run `inhouse reindex FOLDER`.\n"
    assert printed.out == ""


def test_a_named_fault_as_json(failing: Any, capsys: pytest.CaptureFixture[str]) -> None:
    failing(SourceError("There is no folder x."))
    assert cli.main(["ask", "leave?", "--json"]) == 1
    assert last_json(capsys.readouterr().out) == {
        "error": {
            "message": "There is no folder x.",
            "type": "invalid_request_error",
            "code": "source_unreadable",
        }
    }


def test_a_fault_of_the_disk_names_the_file(failing: Any, capsys: pytest.CaptureFixture[str]) -> None:
    failing(PermissionError(13, "Permission denied", "/data/index"))
    assert cli.main(["ask", "leave?", "--json"]) == 1
    printed = capsys.readouterr()
    assert printed.err == "inhouse: Permission denied: /data/index\n"
    assert last_json(printed.out)["error"]["code"] == "io_error"


def test_an_unexpected_fault_keeps_its_trace_off_stdout(
    failing: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(RuntimeError("broken"))
    assert cli.main(["ask", "leave?", "--json"]) == 1
    printed = capsys.readouterr()
    assert last_json(printed.out)["error"]["code"] == "internal_error"
    assert "Traceback" in printed.err


def test_ctrl_c_is_quiet(failing: Any, capsys: pytest.CaptureFixture[str]) -> None:
    failing(KeyboardInterrupt())
    assert cli.main(["ask", "leave?", "--json"]) == 130
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_models_of_a_fresh_installation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "list", "--json", "--data-dir", str(tmp_path)]) == 0
    assert last_json(capsys.readouterr().out) == {"models": []}
    assert cli.main(["models", "list", "--data-dir", str(tmp_path)]) == 0
    assert "shipped reader" in capsys.readouterr().out
    assert cli.main(["models", "activate", "nope", "--json", "--data-dir", str(tmp_path)]) == 1
    assert last_json(capsys.readouterr().out)["error"]["code"] == "unknown_model"
    assert cli.main(["models", "rollback", "--data-dir", str(tmp_path)]) == 1


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    command = [*COMMAND, "ask", b"caf\xe9", "--json", "--data-dir", str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 1
    assert last_json(done.stdout)["error"]["code"] == "invalid_input"


def test_an_answer_for_people_shows_numbered_citations() -> None:
    citation = Citation(1, "hr/leave.md", "Leave", "Annual leave > Carry over", "Five days carry over.", 0.9)
    shown = presenting.answer(Answer("Five days. [1]", "answer", (citation,)).to_json())
    assert shown.splitlines() == [
        "Five days. [1]",
        "",
        "[1] hr/leave.md · Leave · Annual leave > Carry over",
        "    “Five days carry over.”",
    ]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_serve_refuses_a_port_in_use_and_an_open_address(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        busy = run("serve", "--port", port, "--json", "--data-dir", str(tmp_path))
    assert busy.returncode == 1
    assert last_json(busy.stdout)["error"]["code"] == "port_in_use"
    assert busy.stderr.startswith(f"inhouse: Port {port} on 127.0.0.1 is in use: stop the other server")
    assert busy.stderr.count("\n") == 1
    unlocked = run("serve", "--host", "0.0.0.0", "--json", "--data-dir", str(tmp_path))
    assert unlocked.returncode == 1
    assert last_json(unlocked.stdout)["error"]["code"] == "keys_required"


def test_serve_before_anything_is_indexed(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [*COMMAND, "serve", "--port", "0", "--json", "--data-dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        with urllib.request.urlopen(url + "/health/live", timeout=30) as response:
            assert response.status == 200
        body = json.dumps({"messages": [{"role": "user", "content": "How many days of leave?"}]}).encode()
        request = urllib.request.Request(
            url + "/v1/chat/completions", body, {"Content-Type": "application/json"}
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=60)
        assert refused.value.code == 503
        error = json.load(refused.value)["error"]
        assert error["code"] == "index_empty"
        assert "inhouse reindex" in error["message"]
        with pytest.raises(urllib.error.HTTPError) as not_ready:
            urllib.request.urlopen(url + "/health/ready", timeout=30)
        assert not_ready.value.code == 503
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert all(json.loads(line) for line in errors.splitlines() if line.startswith("{"))


def indexed(folder: Path) -> Path:
    """A data folder over a folder of two files, one of them empty."""
    docs = folder / "docs"
    docs.mkdir()
    (docs / "leave.md").write_text("# Leave\n\nParental leave lasts sixteen weeks.\n")
    (docs / "empty.md").write_text("")
    reindex(Settings(data_dir=folder / "data"), [docs], embedder=FakeEmbedder())
    return folder / "data"


def test_status_says_what_is_indexed_how_fresh_and_by_which_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = indexed(tmp_path)
    assert cli.main(["status", "--json", "--data-dir", str(data)]) == 0
    shown = last_json(capsys.readouterr().out)
    assert (shown["documents"], shown["chunks"], shown["index_version"]) == (1, 1, 1)
    assert shown["folders"] == [str(tmp_path / "docs")]
    assert shown["embedder"] == "fake-embedder"
    assert shown["changed_files"] == 0
    assert datetime.fromisoformat(shown["last_indexed"]) <= datetime.now(UTC)
    (tmp_path / "docs" / "leave.md").write_text("# Leave\n\nIt was changed.\n")
    cli.main(["status", "--json", "--data-dir", str(data)])
    assert last_json(capsys.readouterr().out)["changed_files"] == 1
    cli.main(["status", "--json", "--data-dir", str(tmp_path / "none")])
    empty = last_json(capsys.readouterr().out)
    assert (empty["documents"], empty["last_indexed"]) == (0, "never")


@pytest.mark.parametrize(("content", "status"), [("", 0), ("%PDF-1.7 rubbish", 3)])
def test_a_file_that_cannot_be_read_shows_in_the_exit_status(
    content: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = indexed(tmp_path)
    (tmp_path / "docs" / "other.pdf").write_text(content)
    monkeypatch.setattr(Inhouse, "embedder", FakeEmbedder())
    assert cli.main(["reindex", str(tmp_path / "docs"), "--json", "--data-dir", str(data)]) == status
