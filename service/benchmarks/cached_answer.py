"""`python -m service.benchmarks.cached_answer`: what a cached answer costs beside a bare route.

Starts a Redis, a bare FastAPI route with one GET (`bare.py`) and `inhouse serve` over one page of the example
handbook with the interaction log on, and asks both by turns over kept connections. Prints p50 and p95 of each
in milliseconds and the ratio of the p50s; exits with 1 where that is above `--at-most`.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PAGE = Path(__file__).parents[2] / "examples" / "handbook" / "policies" / "time-off.md"
QUESTION = "How many days of paid annual leave does a full-time employee get?"
HEADERS = {"Content-Type": "application/json"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000, help="to each of the two")
    parser.add_argument("--at-most", type=float, default=2.0, help="ratio of the p50s")
    arguments = parser.parse_args()
    figures = measured(arguments.requests)
    print(json.dumps(figures))
    sys.exit(figures["ratio"] > arguments.at_most)


def measured(requests: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ExitStack() as stack:
            url = stack.enter_context(redis_server(folder))
            ask_inhouse, body = inhouse_asker(stack, folder, url)
            ask_bare = bare_asker(stack, url, body)
            figures = compare(ask_bare, ask_inhouse, requests)
        return {**figures, "logged": stored_interactions(folder / "data")}


def compare(bare: Callable[[], bytes], inhouse: Callable[[], bytes], requests: int) -> dict[str, float]:
    """Milliseconds. By turns, so that what else the machine does falls on both alike."""
    spent: tuple[list[float], list[float]] = [], []
    for number in range(requests + 200):
        for times, ask in zip(spent, (bare, inhouse), strict=True):
            started = time.perf_counter()
            ask()
            if number >= 200:  # both are warm by then
                times.append((time.perf_counter() - started) * 1000)
    (bare_p50, bare_p95), (p50, p95) = (percentiles(times) for times in spent)
    figures = {"bare_p50": bare_p50, "bare_p95": bare_p95, "cached_p50": p50, "cached_p95": p95}
    return {**{name: round(ms, 3) for name, ms in figures.items()}, "ratio": round(p50 / bare_p50, 2)}


def percentiles(times: list[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(times, n=20)
    return cuts[9], cuts[18]


def inhouse_asker(stack: ExitStack, folder: Path, redis_url: str) -> tuple[Callable[[], bytes], bytes]:
    """A call that asks the same cached question, and the body of its reply."""
    (folder / "pages").mkdir()
    settings = [
        f"INHOUSE_DATA_DIR={folder / 'data'}",
        f"INHOUSE_SERVICE__REDIS_URL={redis_url}",
        "INHOUSE_LIMITS__RATE=1000000/minute",  # counted, never reached
    ]
    command = ["env", *settings, sys.executable, "-m", "service.cli"]
    shutil.copy(PAGE, folder / "pages" / PAGE.name)
    subprocess.run([*command, "reindex", str(folder / "pages")], check=True, stdout=subprocess.DEVNULL)
    server = stack.enter_context(running([*command, "serve", "--port", "0", "--json"], folder / "log"))
    assert server.stdout is not None
    port = json.loads(server.stdout.readline())["port"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    body = json.dumps({"messages": [{"role": "user", "content": QUESTION}]})

    def ask() -> bytes:
        connection.request("POST", "/v1/chat/completions", body, HEADERS)
        response = connection.getresponse()
        assert response.status == 200, response.read()
        return response.read()

    ask()
    reply = ask()
    assert json.loads(reply)["cached"] == "exact", reply
    connection.close()  # opened again by the next request, however long the other server takes to start
    return ask, reply


def bare_asker(stack: ExitStack, redis_url: str, body: bytes) -> Callable[[], bytes]:
    from redis import Redis

    Redis.from_url(redis_url).set("answer", body)
    server = stack.enter_context(running([sys.executable, "-m", "service.benchmarks.bare", redis_url]))
    assert server.stdout is not None
    connection = http.client.HTTPConnection("127.0.0.1", int(server.stdout.readline()), timeout=300)

    def ask() -> bytes:
        connection.request("GET", "/answers/answer")
        return connection.getresponse().read()

    assert ask() == body
    connection.close()
    return ask


def stored_interactions(data_dir: Path) -> int:
    import sqlite3

    with sqlite3.connect(data_dir / "inhouse.db") as database:
        return int(database.execute("SELECT count(*) FROM interactions").fetchone()[0])


@contextmanager
def redis_server(folder: Path, port: int = 0) -> Iterator[str]:
    binary = shutil.which("redis-server")
    if binary is None:
        sys.exit("redis-server is not installed")
    if port == 0:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with running([binary, *options]):
        deadline = time.monotonic() + 10
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
            assert time.monotonic() < deadline, "redis-server did not start"
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def running(command: list[str], log: Path = Path(os.devnull)) -> Iterator[subprocess.Popen[str]]:
    """A process that is stopped as an operator would stop it."""
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


if __name__ == "__main__":
    main()
