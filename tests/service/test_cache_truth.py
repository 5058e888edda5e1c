"""No cache answers what is not true any more: real models, index, HTTP and Redis, and other processes that
change the index and the active adapter.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from core.models.embedder import SentenceEmbedder
from core.models.reader import SHIPPED_ADAPTER
from core.settings import ServiceSettings, Settings
from finetune.registry import Registry
from ingestion import indexing
from service.app import create_app
from tests.service.redis_process import RedisProcess

ASKED = "How many days of paid leave does an employee get per year?"
SAME = "how many days of paid leave does an employee get a year"
BOARD = "How many days of garden leave does a director get per year?"
BOARD_SAME = "how many days of garden leave does a director get a year"


@dataclass
class Server:
    url: str
    folder: Path
    settings: Settings

    def ask(self, question: str) -> dict[str, Any]:
        body = json.dumps({"messages": [{"role": "user", "content": question}]}).encode()
        request = urllib.request.Request(
            f"{self.url}/v1/chat/completions", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as response:
            reply: dict[str, Any] = json.load(response)
        return reply

    def reindex(self) -> None:
        """In a process of its own, as an operator would."""
        environment = {**os.environ, "INHOUSE_DATA_DIR": str(self.settings.data_dir)}
        command = [sys.executable, "-m", "service.cli", "reindex", str(self.folder)]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=240)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    process = RedisProcess(tmp_path_factory.mktemp("redis"))
    process.start()
    yield process
    process.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, redis: RedisProcess) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("truth")
    handbook = folder / "handbook"
    (handbook / "board").mkdir(parents=True)
    (handbook / "leave.md").write_text("# Leave\n\nEvery employee gets 28 days of paid leave per year.\n")
    (handbook / "board" / "leave.md").write_text(
        "# Directors\n\nEvery director gets 93 days of garden leave per year.\n"
    )
    (handbook / "parking.md").write_text("# Parking\n\nVisitors park behind the gate. It closes at ten.\n")
    settings = Settings(data_dir=folder / "data", service=ServiceSettings(redis_url=redis.url))
    indexing.reindex(settings, [handbook], embedder=SentenceEmbedder())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = uvicorn.Server(
            uvicorn.Config(create_app(settings, warm_up=False), log_config=None, access_log=False)
        )
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        deadline = time.monotonic() + 60
        while not running.started:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield Server(f"http://127.0.0.1:{listener.getsockname()[1]}", handbook, settings)
        running.should_exit = True
        thread.join(30)


def cached(server: Server, question: str, same: str, quote: str) -> None:
    """Both caches hold the answer with that quote."""
    assert quote in str(server.ask(question))
    for asked, how in ((question, "exact"), (same, "semantic")):
        reply = server.ask(asked)
        assert reply["cached"] == how
        assert quote in str(reply["citations"])


def test_another_adapter_answers_anew_as_soon_as_it_is_loaded(server: Server) -> None:
    cached(server, ASKED, SAME, "28 days")
    model = server.ask(ASKED)["model"]
    registry = Registry(server.settings.adapters_dir)
    incoming = registry.folder / "incoming"
    shutil.copytree(SHIPPED_ADAPTER, incoming)
    weights = incoming / "adapter_model.safetensors"
    retune(weights)
    registry.activate(registry.add(incoming, kind="reader", base="minilm"))
    fresh = time.monotonic() + 60
    while server.ask("Where do visitors park?")["model"] == model:  # it answers until the other one is loaded
        assert time.monotonic() < fresh
        time.sleep(0.1)
    first, second = server.ask(SAME), server.ask(ASKED)
    assert first["cached"] == "none"
    assert model not in (first["model"], second["model"])
    registry.rollback()
    while server.ask(ASKED)["model"] != model:
        assert time.monotonic() < fresh + 60
        time.sleep(0.1)


def retune(weights: Path) -> None:
    """The same adapter, but for a breath: other weights are another model."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(weights)
    name = sorted(tensors)[0]
    tensors[name] = tensors[name] * 1.001
    save_file(tensors, weights)


def test_a_group_that_loses_access_gets_nothing_from_a_cache(server: Server) -> None:
    cached(server, BOARD, BOARD_SAME, "93 days")
    (server.folder / "board" / ".inhouse.toml").write_text('groups = ["board"]\n')
    server.reindex()
    first, second = server.ask(BOARD_SAME), server.ask(BOARD)
    assert first["cached"] == "none"
    assert "93 days" not in str(first) + str(second)


def test_a_deleted_document_never_answers_from_a_cache(server: Server) -> None:
    cached(server, ASKED, SAME, "28 days")
    (server.folder / "leave.md").unlink()
    server.reindex()
    first, second = server.ask(SAME), server.ask(ASKED)
    assert first["cached"] == "none"
    for reply in (first, second):
        assert "28 days" not in str(reply)
        assert "leave.md" not in [citation["source"] for citation in reply["citations"]]
