from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.settings import ModelSettings, Settings
from service import environment
from service.logs import JsonLines
from tests.service.conftest import Standing


def formatted(**extra: object) -> dict[str, object]:
    record = logging.getLogger("inhouse.test").makeRecord(
        "inhouse.test", logging.INFO, "", 0, "hello %s", ("you",), None, extra=extra
    )
    line = JsonLines().format(record)
    assert "\n" not in line
    row: dict[str, object] = json.loads(line)
    return row


def test_a_record_is_one_line_of_json_with_its_extra_fields() -> None:
    row = formatted(request_id="abc", status=200)
    assert (row["level"], row["logger"], row["message"]) == ("info", "inhouse.test", "hello you")
    assert (row["request_id"], row["status"]) == ("abc", 200)
    assert set(row) == {"time", "level", "logger", "message", "request_id", "status"}


def test_a_trace_stays_on_the_line() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "fault", (), sys.exc_info())
    assert "ValueError: broken" in json.loads(JsonLines().format(record))["trace"]


def test_a_request_is_logged_without_what_was_asked(
    standing: Standing, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="inhouse.access"):
        standing.ask("How many days of leave?")
    (record,) = [record for record in caplog.records if record.name == "inhouse.access"]
    fields = record.__dict__
    assert (fields["method"], fields["path"], fields["status"]) == ("POST", "/v1/chat/completions", 200)
    assert fields["ms"] > 0
    assert "leave" not in JsonLines().format(record)


@pytest.mark.parametrize(
    ("settings", "base", "offline"),
    [
        (Settings(), "", True),
        (Settings(models=ModelSettings(embedder="BAAI/bge-small-en")), "", False),
        (Settings(models=ModelSettings(embedder=os.curdir)), "", True),
        (Settings(models=ModelSettings(model="some/model")), "", True),  # not used by the reader
        (Settings(generator="transformers", models=ModelSettings(model="some/model")), "", False),
        (Settings(), "HuggingFaceTB/SmolLM2-135M", False),
    ],
)
def test_the_hub_is_reachable_only_for_a_model_that_the_user_chose(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, base: str, offline: bool
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(environment.os, "environ", dict(os.environ))
    environment.stay_offline(settings, base)
    assert (environment.os.environ.get("HF_HUB_OFFLINE") == "1") is offline


def test_what_the_user_set_in_the_environment_stays() -> None:
    probe = "import os; from service.environment import prepare; prepare(); "
    probe += "print(os.environ['ANONYMIZED_TELEMETRY'])"
    root = Path(__file__).resolve().parents[2]
    env = {**os.environ, "PYTHONPATH": str(root), "ANONYMIZED_TELEMETRY": "True"}
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, env=env)
    assert done.stdout == "True\n"


def test_every_line_within_a_request_carries_its_id(standing: Standing) -> None:
    written: list[str] = []
    handler = logging.Handler()
    handler.setFormatter(JsonLines())
    handler.emit = lambda record: written.append(handler.format(record))  # type: ignore[method-assign]
    log = logging.getLogger("inhouse.of_a_thread")
    search = standing.inhouse.search

    def logging_search(*arguments: Any) -> Any:
        log.warning("deep within")
        return search(*arguments)

    standing.inhouse.search = logging_search  # type: ignore[method-assign]
    log.addHandler(handler)
    body = {"messages": [{"role": "user", "content": "paid leave"}], "stream": True}
    standing.client.post("/v1/chat/completions", json=body, headers={"X-Request-ID": "abc-1"})
    log.warning("outside")
    log.removeHandler(handler)
    inside, outside = (json.loads(line) for line in written)
    assert inside["request_id"] == "abc-1"
    assert "request_id" not in outside
