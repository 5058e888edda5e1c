"""One `inhouse serve` with its own worker, real documents, the packaged embedder and reader, over HTTP."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

from core.models.reader import SHIPPED_ADAPTER
from finetune.registry import Registry
from tests.service.jobs.conftest import eventually

ROOT = Path(__file__).resolve().parents[3]
LEAVE = "# Leave\n\nEveryone has {} days of paid leave a year.\n"
QUESTION = "How many days of paid leave does everyone have a year?"


@dataclass(frozen=True)
class Asked:
    began: float  # seconds since the epoch
    status: int
    model: str
    text: str


class Served:
    def __init__(self, place: Path) -> None:
        self.docs, self.data = place / "docs", place / "data"
        self.docs.mkdir()
        (self.docs / "leave.md").write_text(LEAVE.format(28))
        (self.docs / "parking.md").write_text("# Parking\n\nVisitors park behind the gate.\n")
        settings = {
            "INHOUSE_DATA_DIR": str(self.data),
            "INHOUSE_JOBS__ROOTS": str(self.docs),
            "INHOUSE_JOBS__DEAD_AFTER_S": "3",
            "INHOUSE_LIMITS__RATE": "",  # cached answers come faster than a person may ask
        }
        self.log = place / "log"
        command = [sys.executable, "-m", "service.cli", "serve", "--port", "0", "--json"]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=place,
                env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
            )
        assert self.process.stdout is not None
        self.url = json.loads(self.process.stdout.readline())["url"]

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        request = urllib.request.Request(
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=240) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def start(self, **body: Any) -> str:
        status, answer = self.call("POST", "/admin/reindex", body)
        assert status == 202, answer
        return str(answer["job_id"])

    def job(self, job_id: str) -> Any:
        return self.call("GET", f"/admin/jobs/{job_id}")[1]

    def wait_for(self, job_id: str) -> Any:
        job = eventually(lambda: (job := self.job(job_id)) and job["ended"] and job, 240)
        assert job["state"] == "done", (job, self.log.read_text())
        return job

    def ask(self) -> Asked:
        began = time.time()
        body = {"messages": [{"role": "user", "content": QUESTION}]}
        status, answer = self.call("POST", "/v1/chat/completions", body)
        if status != 200:
            return Asked(began, status, "", str(answer))
        return Asked(began, status, answer["model"], answer["choices"][0]["message"]["content"])

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        pids = [int(pid) for path in children for pid in path.read_text().split()]
        return [pid for pid in pids if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) is not None


class Askers:
    """Threads that ask all the time."""

    def __init__(self, served: Served) -> None:
        self.served, self.asked = served, list[Asked]()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(2)]

    def __enter__(self) -> Askers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def _ask(self) -> None:
        while not self._over.is_set():
            self.asked.append(self.served.ask())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("served"))
    yield served
    served.process.kill()
    served.process.wait()


@pytest.mark.timeout(600)
def test_askers_see_the_old_documents_or_the_new_ones_and_no_fault(served: Served) -> None:
    assert served.call("POST", "/admin/reindex", {"paths": ["/etc"]})[0] == 403
    first = served.wait_for(served.start(paths=[str(served.docs)]))
    assert first["result"]["documents"] == 2
    assert "28 days" in served.ask().text
    with Askers(served) as askers:
        (served.docs / "leave.md").write_text(LEAVE.format(31))
        job = served.wait_for(served.start())  # all folders that are indexed
        ended = datetime.fromisoformat(job["ended"]).timestamp()
        eventually(lambda: any(asked.began > ended + 1 for asked in list(askers.asked)), 60)
    assert {asked.status for asked in askers.asked} == {200}
    assert all("28 days" in asked.text or "31 days" in asked.text for asked in askers.asked)
    assert all("31 days" in asked.text for asked in askers.asked if asked.began > ended + 1)
    assert job["lines"][-1]["line"].startswith("2 documents")


@pytest.mark.timeout(600)
def test_askers_see_the_old_adapter_or_the_new_one_and_no_fault(served: Served, tmp_path: Path) -> None:
    shutil.copytree(SHIPPED_ADAPTER, tmp_path / "tuned")
    weights = load_file(tmp_path / "tuned" / "adapter_model.safetensors")
    name = next(iter(weights))
    weights[name] = weights[name] * 1.0001
    save_file(weights, tmp_path / "tuned" / "adapter_model.safetensors", metadata={"format": "pt"})
    registry = Registry(served.data / "adapters")
    adapter = registry.add(tmp_path / "tuned", kind="reader", base="shipped")
    before = served.ask().model
    with Askers(served) as askers:
        registry.activate(adapter)  # as the worker does at the end of `retrain`
        eventually(lambda: askers.asked and askers.asked[-1].model not in ("", before), 120)
        time.sleep(0.5)
    assert {asked.status for asked in askers.asked} == {200}
    assert all("31 days" in asked.text for asked in askers.asked)
    assert len({asked.model for asked in askers.asked} | {before}) == 2


@pytest.mark.timeout(600)
def test_a_reindex_whose_worker_is_killed_is_done_by_the_next_worker(served: Served) -> None:
    for number in range(40):
        rules = "\n\n".join(f"Rule {rule} of gate {number} holds at night." for rule in range(40))
        (served.docs / f"gate{number}.md").write_text(f"# Gate {number}\n\n{rules}\n")
    (killed,) = served.workers()
    job_id = served.start()
    eventually(lambda: served.job(job_id)["progress"], 120)
    os.kill(killed, signal.SIGKILL)
    job = served.wait_for(job_id)
    assert job["result"]["documents"] == 42
    assert "The worker died" in " ".join(line["line"] for line in job["lines"])
    assert killed not in served.workers()


def test_the_worker_ends_with_the_server(served: Served) -> None:
    workers = eventually(served.workers)
    served.stop()
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
