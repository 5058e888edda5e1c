"""Traces reach a real small collector over HTTP, without a word of the question unless a setting says so."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from core.settings import ObservationSettings, Settings
from tests.service.conftest import Standing

Stand = Callable[..., Standing]


class Collector:
    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                import gzip

                body = self.rfile.read(int(self.headers["Content-Length"]))
                zipped = self.headers.get("Content-Encoding") == "gzip"
                bodies.append(gzip.decompress(body) if zipped else body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def spans(self) -> dict[str, dict[str, Any]]:
        found = {}
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for span in (span for scope in resource.scope_spans for span in scope.spans):
                    found[span.name] = {
                        item.key: item.value.string_value or item.value.int_value for item in span.attributes
                    } | {"parent": span.parent_span_id, "id": span.span_id}
        return found


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.server.shutdown()
    collector.server.server_close()


def traced(stand: Stand, folder: Path, collector: Collector, **fields: Any) -> dict[str, dict[str, Any]]:
    observation = ObservationSettings(otlp_endpoint=collector.url, **fields)
    standing = stand(Settings(data_dir=folder, observation=observation))
    standing.ask("How many days of paid leave?", stream=False)
    standing.client.__exit__(None, None, None)  # shutting down sends what is left
    standing.client.__enter__()
    return collector.spans()


def test_an_answer_is_a_span_with_its_stages_below(
    stand: Stand, tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")  # as at the entry point, for the libraries
    spans = traced(stand, tmp_path, collector)
    root = spans["invoke_agent inhouse"]
    assert root["gen_ai.operation.name"] == "invoke_agent"
    assert root["gen_ai.response.model"] == "reader@shipped"
    assert root["gen_ai.usage.input_tokens"] == 12
    assert root["inhouse.request_id"]
    assert spans["retrieve"]["parent"] == root["id"]
    assert spans["generate"]["gen_ai.operation.name"] == "chat"
    assert b"paid leave" not in b"".join(collector.bodies)


def test_a_setting_puts_question_and_answer_into_the_traces(
    stand: Stand, tmp_path: Path, collector: Collector
) -> None:
    spans = traced(stand, tmp_path, collector, trace_questions=True)
    assert "How many days" in spans["invoke_agent inhouse"]["gen_ai.input.messages"]


def test_nothing_of_opentelemetry_is_imported_without_an_endpoint() -> None:
    code = (
        "import sys, service.tracing as t; from core.settings import ObservationSettings as S;"
        "assert t.open_tracing(S()) is None;"
        "assert not [m for m in sys.modules if m.startswith('opentelemetry')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
