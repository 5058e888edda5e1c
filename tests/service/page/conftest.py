"""The chat page in a real Chromium, before a real server process or before the stand-in.

Every visit records what the page asked for and complained of, and fails where it spoke to another host, broke
its content security policy or threw.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Route, expect

from core.models.embedder import SentenceEmbedder
from core.settings import Settings
from ingestion import indexing
from service import server
from service.app import create_app
from tests.browsing import browser  # noqa: F401 - a fixture
from tests.service.conftest import StandInIndex, StandInInhouse

expect.set_options(timeout=30_000)  # a busy machine takes its time

HANDBOOK = {
    "time-off.md": """# Time off

## Annual leave

Everyone who works **full time** receives 27 days of paid annual leave per calendar year. Days that are left
over must be used by [30 June](https://example.com/june).

## Sick leave

A note from a doctor is asked for only when you are away for more than 5 working days in a row.
""",
    "gates.md": "# Gates\n\n## Night\n\n"
    + "\n\n".join(f"Gate {number} is looked after by team {number % 7}." for number in range(60))
    + "\n\n## Visitors\n\nVisitors park their cars behind the blue gate. It closes at ten in the evening.\n",
    "website.md": """# Website

## Embedding the chat widget

To embed the chat widget on a website, paste <script>document.title = "taken over"</script> and
<img src="x" onerror="document.title=1"> into the footer of the site.
""",
    "doomed.md": "# Canteen\n\nThe canteen serves pea soup on every Thursday.\n",
}


@dataclass
class Visit:
    """One person's browser, at one server."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def ask(self, question: str) -> None:
        """Asks and waits for the whole answer."""
        before = self.page.locator("#talk > .theirs").count()
        self.page.get_by_label("Your question").fill(question)
        self.page.keyboard.press("Enter")
        self.page.locator("#talk > .theirs").nth(before).wait_for()
        self.page.locator("#talk [aria-busy]").wait_for(state="detached")

    @property
    def answer(self) -> Any:
        return self.page.locator("#talk > .theirs").last

    def replies(self, pattern: str, body: object, status: int = 200) -> None:
        """Answers a route in the server's place."""

        def fulfil(route: Route) -> None:
            route.fulfill(status=status, content_type="application/json", body=json.dumps(body))

        self.page.route(re.compile(pattern), fulfil)

    def said(self, text: str) -> None:
        """Waits until people who use a screen reader have been told."""
        self.page.wait_for_function(
            "text => document.getElementById('status').textContent.includes(text)", arg=text
        )


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:  # noqa: F811 - the fixture
    """Opens pages, each in a browser profile of its own."""
    opened: list[tuple[str, Visit]] = []

    def open_page(
        url: str, *, path: str = "", play: Callable[[Visit], object] = lambda visit: None, **options: Any
    ) -> Visit:
        """`play` may answer routes in the server's place."""
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(30_000)
        page = context.new_page()
        visit = Visit(page)
        page.on("request", lambda request: visit.requests.append(request.url))
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        page.on("console", lambda message: visit.complaints.append(message.text))
        opened.append((url, visit))
        play(visit)
        page.goto(url + path)
        return visit

    yield open_page
    for url, visit in opened:
        visit.page.context.close()
        assert {urlsplit(request).netloc for request in visit.requests} == {urlsplit(url).netloc}
        # Chromium itself writes a line for each response of 400 and more, and for a server that is away.
        assert [text for text in visit.complaints if "Failed to load resource" not in text] == []


@dataclass(frozen=True)
class Served:
    url: str
    folder: Path
    data_dir: Path


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`inhouse serve` as a process over four documents, with the packaged models."""
    folder, data_dir = tmp_path_factory.mktemp("handbook"), tmp_path_factory.mktemp("data")
    for name, text in HANDBOOK.items():
        (folder / name).write_text(text)
    environment = {**os.environ, "INHOUSE_DATA_DIR": str(data_dir), "HF_HUB_OFFLINE": "1"}
    for limit in ("RETRIEVE_S", "READ_S", "GENERATE_S", "TOTAL_S"):  # a busy machine is not what is tested
        environment[f"INHOUSE_LIMITS__{limit}"] = "0"
    environment["INHOUSE_ASSISTANT__EXAMPLES"] = '["How many days of annual leave do I have?"]'
    indexing.reindex(Settings(data_dir=data_dir), [folder], embedder=SentenceEmbedder())
    with subprocess.Popen(
        [sys.executable, "-m", "service.cli", "serve", "--port", "0", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        try:
            _wait_until_ready(url)
            yield Served(url, folder, data_dir)
        finally:
            process.terminate()
            process.wait(30)


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health/ready", timeout=10):
                return
        except OSError:
            assert time.monotonic() < deadline, "the server did not become ready"
            time.sleep(0.2)


class Waiting(StandInInhouse):
    """The stand-in, which can be made to wait after the first piece of an answer."""

    hold: threading.Event | None = None

    def stream(self, *arguments: Any, **named: Any) -> Iterator[Any]:
        pieces = super().stream(*arguments, **named)
        yield next(pieces)
        if self.hold is not None:
            assert self.hold.wait(20)
        yield from pieces


class Standing:
    """A server in a thread with the stand-in: no models, but real HTTP."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.inhouse = Waiting(settings, StandInIndex())
        self.listener = server.listen(settings, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        app = create_app(settings, wire=lambda shared: self.inhouse, warm_up=False)  # type: ignore[arg-type, return-value]
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self.listener]})
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        self.listener.close()


@pytest.fixture
def standing(settings: Settings) -> Iterator[Callable[..., Standing]]:
    """Starts servers with the stand-in, by settings of the service."""
    running: list[Standing] = []

    def start(**service: Any) -> Standing:
        changed = settings.service.model_copy(update=service)
        running.append(Standing(settings.model_copy(update={"service": changed})))
        return running[-1]

    yield start
    for server_ in running:
        if server_.inhouse.hold is not None:
            server_.inhouse.hold.set()
        server_.stop()
