"""`python -m service.benchmarks.load`: one `inhouse serve` under many clients.

1. Starts the server: seconds until it is ready, and its memory.
2. One client on the idle server asks for streams that no cache holds: milliseconds to the first text.
3. `--clients` ask for `--seconds`, a share `--cached` of them what was asked before, the rest what nobody
   asked yet, and wait `--think` seconds on average before they go on (as independent people do).
4. A cached answer beside a bare route (`cached_answer.py`), on a server of its own.

Prints a Markdown table and, last, one JSON line; exits with 1 where a question was refused or not answered,
or p99 is above `--at-most` seconds. Whether an answer counts as cached is what the server said of it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.benchmarks.cached_answer import HEADERS, measured, redis_server, running

ROOT = Path(__file__).parents[2]
HANDBOOK = ROOT / "examples" / "handbook"
ASKED_BEFORE = ROOT / "examples" / "questions.jsonl"
NOT_ASKED = sorted((ROOT / "finetune" / "practice").glob("*/questions.jsonl"))
POOL = 40  # questions that were asked before


@dataclass(frozen=True, slots=True)
class Asked:
    status: str  # of HTTP; `lost` without a complete response, the error's code where a stream broke off
    cached: str  # none, exact, semantic; empty without an answer
    streamed: bool
    seconds: float
    first_s: float = 0.0  # to the first piece of text of a stream


@dataclass
class Questions:
    """Thread-safe. Those that nobody asked yet come again with a number when they run out."""

    before: Sequence[str]
    new: Iterator[str]
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def read(cls, seed: int) -> Questions:
        texts = [text for path in NOT_ASKED for text in questions_in(path)]
        random.Random(seed).shuffle(texts)
        return cls(questions_in(ASKED_BEFORE)[:POOL], _numbered(texts))

    def unasked(self) -> str:
        with self._guard:
            return next(self.new)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data-dir", type=Path, help="an index that stands already; else of examples/handbook"
    )
    parser.add_argument("--redis-url", default="", help="else a redis-server is started")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--cached", type=float, default=0.8, help="share of questions that were asked before")
    parser.add_argument(
        "--think", type=float, default=10, help="seconds between an answer and the next question"
    )
    parser.add_argument("--streamed", type=float, default=0.3, help="share of questions asked for as streams")
    parser.add_argument("--streams", type=int, default=30, help="asked one by one on the idle server")
    parser.add_argument(
        "--cached-requests", type=int, default=2000, help="of the comparison; 0 leaves it out"
    )
    parser.add_argument("--at-most", type=float, default=3.0, help="p99 in seconds")
    parser.add_argument("--seed", type=int, default=13)
    options = parser.parse_args()
    figures = run(options)
    if options.cached_requests:
        figures["cached_ratio"] = measured(options.cached_requests)["ratio"]
    print(table(figures))
    print(json.dumps(figures))
    sys.exit(set(figures["statuses"]) != {"200"} or figures["p99_s"] > options.at_most)


def run(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        redis_url = options.redis_url or stack.enter_context(redis_server(folder))
        data_dir = options.data_dir or folder / "data"
        settings = [
            f"INHOUSE_DATA_DIR={data_dir}",
            f"INHOUSE_SERVICE__REDIS_URL={redis_url}",
            "INHOUSE_LIMITS__RATE=",  # all come from one address
        ]
        inhouse = ["env", *settings, sys.executable, "-m", "service.cli"]
        if options.data_dir is None:
            subprocess.run([*inhouse, "reindex", str(HANDBOOK)], check=True, stdout=subprocess.DEVNULL)
        started = time.perf_counter()
        server = stack.enter_context(running([*inhouse, "serve", "--port", "0", "--json"], folder / "log"))
        assert server.stdout is not None
        port = json.loads(server.stdout.readline())["port"]
        wait_until_ready(port)
        figures: dict[str, Any] = {
            "clients": options.clients,
            "seconds": options.seconds,
            "asked_before": options.cached,
            "think_s": options.think,
            "cores": os.cpu_count(),
            "ready_s": round(time.perf_counter() - started, 2),
            "rss_ready_mb": resident_mb(server.pid),
        }
        questions = Questions.read(options.seed)
        client = Client(port)
        client.ask(
            questions.unasked(), stream=True
        )  # opens the connection, and whatever opens at a first answer
        streams = [client.ask(questions.unasked(), stream=True) for _ in range(options.streams)]
        figures["first_text"] = spread([asked.first_s for asked in streams if asked.cached == "none"])
        for question in questions.before:
            client.ask(question)
        asked, figures["rss_load_mb"] = load(options, port, server.pid, questions)
        return {**figures, **summary(asked, options.seconds)}


def load(
    options: argparse.Namespace, port: int, pid: int, questions: Questions
) -> tuple[list[Asked], list[float]]:
    """All that was asked, and the server's memory after each third of the time."""
    everything: list[Asked] = []
    until = time.monotonic() + options.seconds

    def be_a_client(number: int) -> None:
        chance = random.Random(options.seed * 1000 + number)
        client = Client(port)
        pause = chance.random() * options.think  # nobody comes at the same moment
        while time.monotonic() + pause < until:
            time.sleep(pause)
            known = chance.random() < options.cached
            question = chance.choice(questions.before) if known else questions.unasked()
            everything.append(client.ask(question, stream=chance.random() < options.streamed))
            pause = chance.expovariate(1 / options.think) if options.think else 0.0

    clients = [threading.Thread(target=be_a_client, args=(number,)) for number in range(options.clients)]
    for client in clients:
        client.start()
    memory = []
    for third in (3, 2, 1):
        time.sleep(max(0.0, (until - time.monotonic()) / third))
        memory.append(resident_mb(pid))
    for client in clients:
        client.join()
    return everything, memory


class Client:
    """A connection a question: while people think, the server closes one that is idle for 5 seconds."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def ask(self, question: str, *, stream: bool = False) -> Asked:
        body = json.dumps({"messages": [{"role": "user", "content": question}], "stream": stream})
        started = time.perf_counter()
        self._connection.close()
        try:
            self._connection.request("POST", "/v1/chat/completions", body, HEADERS)
            response = self._connection.getresponse()
            if stream and response.status == 200:
                first, last = _read_stream(response)
                ended = time.perf_counter()
                status = "200" if "cached" in last else last.get("error", {}).get("code", "lost")
                return Asked(status, last.get("cached", ""), True, ended - started, first - started)
            reply = response.read()
        except (OSError, http.client.HTTPException):
            return Asked("lost", "", stream, time.perf_counter() - started)
        spent = time.perf_counter() - started
        return Asked(str(response.status), json.loads(reply).get("cached", ""), stream, spent)


def _read_stream(response: http.client.HTTPResponse) -> tuple[float, dict[str, Any]]:
    """When the first text came, and the last event but `[DONE]`."""
    first, last = 0.0, {}
    for line in response:
        data = line.removeprefix(b"data: ").strip()
        if data == line.strip() or data == b"[DONE]":
            continue
        last = json.loads(data)
        if not first and last.get("choices") and last["choices"][0]["delta"].get("content"):
            first = time.perf_counter()
    return first, last


def summary(asked: Sequence[Asked], seconds: float) -> dict[str, Any]:
    answered = [one for one in asked if one.status == "200"]
    return {
        "requests": len(asked),
        "requests_per_s": round(len(asked) / seconds, 1),
        "streams": sum(one.streamed for one in asked),
        "statuses": dict(Counter(one.status for one in asked)),
        "p99_s": percentile([one.seconds for one in answered], 0.99),
        "cached": spread([one.seconds for one in answered if one.cached != "none"]),
        "uncached": spread([one.seconds for one in answered if one.cached == "none"]),
    }


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Number and percentiles, in milliseconds."""
    points = {f"p{round(share * 100)}_ms": percentile(seconds, share) * 1000 for share in (0.5, 0.95, 0.99)}
    return {"number": len(seconds), **{name: round(value, 1) for name, value in points.items()}}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so many are not above; 0 of none."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 4) if ordered else 0.0


def table(figures: dict[str, Any]) -> str:
    first, cached, uncached = figures["first_text"], figures["cached"], figures["uncached"]
    points = ("p50_ms", "p95_ms", "p99_ms")
    rows = [
        ("start to ready", f"{figures['ready_s']} s"),
        ("memory when ready", f"{figures['rss_ready_mb']} MB"),
        ("memory after each third of the load", f"{figures['rss_load_mb']} MB"),
        (f"first text of {first['number']} streams, idle, p50", f"{first['p50_ms']} ms"),
        (
            "requests",
            f"{figures['requests']} ({figures['streams']} streams), {figures['requests_per_s']} a second",
        ),
        ("statuses", ", ".join(f"{status}: {count}" for status, count in figures["statuses"].items())),
        ("p99 of all", f"{figures['p99_s']} s"),
        (f"{cached['number']} cached, p50 / p95 / p99", " / ".join(f"{cached[at]}" for at in points) + " ms"),
        (
            f"{uncached['number']} uncached, p50 / p95 / p99",
            " / ".join(f"{uncached[at]}" for at in points) + " ms",
        ),
    ]
    if "cached_ratio" in figures:
        rows.append(("cached answer to a bare route, p50", f"{figures['cached_ratio']} times"))
    asks = (
        f"{figures['clients']} clients, {figures['seconds']:g} s, {figures['asked_before']:.0%} asked before"
    )
    head = f"| {asks}, {figures['think_s']:g} s to think, {figures['cores']} cores | |\n| --- | --- |\n"
    return head + "\n".join(f"| {name} | {value} |" for name, value in rows)


def questions_in(path: Path) -> list[str]:
    """Those that need no conversation before them."""
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    return [row["question"] for row in rows if not row.get("history")]


def _numbered(texts: Sequence[str]) -> Iterator[str]:
    yield from texts
    number = 1
    while True:
        number += 1
        yield from (f"{text} ({number})" for text in texts)


def wait_until_ready(port: int, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
        connection.request("GET", "/health/ready")
        status = connection.getresponse().status
        connection.close()
        if status == 200:
            return
        assert time.monotonic() < until, "the server did not become ready"
        time.sleep(0.05)


def resident_mb(pid: int) -> float:
    """Of a process, without its children. Linux."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise ValueError(f"no VmRSS of process {pid}")


if __name__ == "__main__":
    main()
