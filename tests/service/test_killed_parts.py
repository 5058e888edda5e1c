"""One `inhouse serve` while the Redis and the Chroma server that it uses are killed and come back.

Nobody restarts Inhouse. The worker's death is in `tests/service/jobs`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.service.jobs.conftest import eventually
from tests.service.redis_process import RedisProcess, free_port

ROOT = Path(__file__).resolve().parents[2]
FACTS = {
    "How many days of paid leave does everyone have a year?": "28 days",
    "Where do visitors park?": "behind the gate",
    "When does the canteen open?": "at noon",
}
PAGES = {
    "leave.md": "# Leave\n\nEveryone has 28 days of paid leave a year.\n",
    "parking.md": "# Parking\n\nVisitors park behind the gate.\n",
    "canteen.md": "# Canteen\n\nThe canteen opens at noon.\n",
}


class ChromaProcess:
    """A real `chroma run` on one folder, started, killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = Path(sys.executable).parent / "chroma"
        self._command = [command, "run", "--path", folder, "--port", str(self.port)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        eventually(listens, 60)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@dataclass(frozen=True)
class Asked:
    question: str
    status: int
    text: str
    code: str
    retry_after: str | None

    @property
    def right(self) -> bool:
        return self.status == 200 and FACTS[self.question] in self.text

    @property
    def clearly_refused(self) -> bool:
        return self.status == 503 and bool(self.code) and self.retry_after is not None


class Served:
    """`inhouse serve` over three pages, and askers who ask without a pause."""

    def __init__(self, place: Path, **settings: str) -> None:
        docs = place / "docs"
        docs.mkdir()
        for name, text in PAGES.items():
            (docs / name).write_text(text)
        options = {
            "DATA_DIR": str(place / "data"),
            "SERVICE__WORKER": "false",
            "LIMITS__RATE": "",
            **settings,
        }
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            **{f"INHOUSE_{name}": value for name, value in options.items()},
        }
        inhouse = [sys.executable, "-m", "service.cli"]
        subprocess.run([*inhouse, "reindex", str(docs)], check=True, cwd=place, env=environment)
        with open(place / "log", "w") as log:
            self.process = subprocess.Popen(
                [*inhouse, "serve", "--port", "0", "--json"],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=place,
                env=environment,
            )
        assert self.process.stdout is not None
        self.url = json.loads(self.process.stdout.readline())["url"]
        self.asked: list[Asked] = []
        self._leaving = threading.Event()
        self._askers = [threading.Thread(target=self._keep_asking) for _ in range(3)]
        assert all(self.ask(question).right for question in FACTS)
        for asker in self._askers:
            asker.start()

    def ready(self) -> tuple[int, Any]:
        """The status of /health/ready, and its fault where there is one."""
        try:
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=60) as reply:
                return reply.status, None
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)["error"]

    def ask(self, question: str) -> Asked:
        request = urllib.request.Request(
            f"{self.url}/v1/chat/completions",
            json.dumps({"messages": [{"role": "user", "content": question}]}).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                reply = json.load(response)
                text = reply["choices"][0]["message"]["content"]
                return Asked(question, 200, text, reply["cached"], None)
        except urllib.error.HTTPError as error:
            fault = json.load(error)["error"]
            return Asked(question, error.code, fault["message"], fault["code"], error.headers["Retry-After"])

    def wait_for(self, more: int, right: bool) -> None:
        """Until so many more questions, each asked and answered from now on, ended so."""
        start = len(self.asked) + len(self._askers)  # what is on its way may end either way
        eventually(lambda: sum(one.right == right for one in self.asked[start:]) >= more, 60)

    def stop(self) -> None:
        self._leaving.set()
        for asker in self._askers:
            if asker.is_alive():
                asker.join(60)
        self.process.terminate()
        self.process.wait(30)

    def _keep_asking(self) -> None:
        while not self._leaving.is_set():
            for question in FACTS:
                self.asked.append(self.ask(question))


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisProcess]:
    process = RedisProcess(tmp_path)
    process.start()
    yield process
    process.kill()


@pytest.fixture
def chroma(tmp_path: Path) -> Iterator[ChromaProcess]:
    process = ChromaProcess(tmp_path / "chroma")
    process.start()
    yield process
    process.kill()


def test_a_redis_killed_and_restarted_in_traffic_costs_no_answer(tmp_path: Path, redis: RedisProcess) -> None:
    served = Served(tmp_path, SERVICE__REDIS_URL=redis.url)
    try:
        for _ in range(2):
            served.wait_for(20, right=True)
            redis.kill()
            served.wait_for(20, right=True)
            redis.start()
        served.wait_for(20, right=True)
    finally:
        served.stop()
    assert [one for one in served.asked if not one.right] == []


def test_a_chroma_server_killed_and_restarted_in_traffic_gives_right_answers_or_a_clear_503(
    tmp_path: Path, chroma: ChromaProcess
) -> None:
    served = Served(tmp_path, CHROMA_URL=chroma.url, SERVICE__CACHE_TTL_S="0")  # each answer asks Chroma
    try:
        served.wait_for(3, right=True)
        assert served.ready() == (200, None)
        chroma.kill()
        served.wait_for(6, right=False)
        status, fault = served.ready()
        assert (status, fault["code"]) == (503, "index_error")
        assert f"at {chroma.url} cannot be used" in fault["message"]
        assert "start Chroma's server" in fault["message"]
        chroma.start()
        eventually(lambda: all(served.ask(question).right for question in FACTS), 60)
        served.wait_for(6, right=True)
        assert served.ready() == (200, None)
    finally:
        served.stop()
    assert [one for one in served.asked if not (one.right or one.clearly_refused)] == []
