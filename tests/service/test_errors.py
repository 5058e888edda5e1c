from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core import errors as core_errors
from core.errors import InhouseError
from core.settings import ServiceSettings, Settings
from service.errors import CODE_OF_STATUS, body_of, status_of
from tests.service.conftest import Standing


def all_errors(parent: type[InhouseError] = InhouseError) -> Iterator[type[InhouseError]]:
    yield parent
    for child in parent.__subclasses__():
        yield from all_errors(child)


def test_every_named_error_has_a_status_and_a_body_in_the_shape() -> None:
    for kind in all_errors():
        error = kind("What to do.")
        assert 400 <= status_of(error) <= 504
        body = body_of(error)["error"]
        assert body["message"] == "What to do."
        assert body["code"] == kind.code


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("IndexEmptyError", 503),
        ("IndexLockedError", 409),
        ("UnknownModelError", 404),
        ("EmptyQuestionError", 400),
    ],
)
def test_statuses_that_clients_rely_on(kind: str, status: int) -> None:
    assert status_of(getattr(core_errors, kind)("x")) == status


TABLE = Path(__file__).parents[2] / "docs" / "api.md"
COMMAND_LINE_ALONE = {
    "address_unavailable", "io_error", "keys_required", "port_in_use", "unknown_key", "wrong_usage",
    "client_closed_request",  # nobody reads it
    "source_empty", "source_unreadable",  # of files, in reports and jobs
    "bad_request", "conflict", "inhouse_error",  # each raised with a closer one
}  # fmt: skip


def codes_in_the_source() -> set[str]:
    found = set(CODE_OF_STATUS.values())
    for folder in ("core", "service"):
        for path in (TABLE.parents[1] / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                named = isinstance(node, ast.keyword) and node.arg == "code"
                if isinstance(node, ast.Assign):
                    named = [getattr(target, "id", "") for target in node.targets] == ["code"]
                value = getattr(node, "value", None)
                if named and isinstance(value, ast.Constant) and isinstance(value.value, str):
                    found.add(value.value)
    return found


def test_the_table_of_codes_is_that_of_the_source() -> None:
    rows = re.findall(r"^\| \d{3}(?:, \d{3})* \| ([^|]+) \|", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    listed = {code for row in rows for code in re.findall(r"`(\w+)`", row)}
    assert listed == codes_in_the_source() - COMMAND_LINE_ALONE


def test_fastapis_own_404_and_405_have_the_shape(standing: Standing) -> None:
    missing = standing.client.get("/nope")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
    wrong = standing.client.get("/v1/search")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "POST"


def test_an_unexpected_fault_is_500_with_the_request_id_and_no_trace(standing: Standing) -> None:
    standing.inhouse.fault = RuntimeError("secret detail")
    response = standing.ask("leave?")
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal_error")
    assert response.headers["x-request-id"] in response.json()["error"]["message"]
    assert "secret" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"


def test_a_body_over_the_limit_is_413_announced_or_not(
    stand: Callable[..., Standing], settings: Settings
) -> None:
    small = settings.model_copy(update={"service": ServiceSettings(max_body_bytes=2000)})
    client = stand(small).client
    headers = {"Content-Type": "application/json"}
    announced = client.post("/v1/search", content=b" " * 3000, headers=headers)
    streamed = client.post("/v1/search", content=(b" " * 500 for _ in range(6)), headers=headers)
    for response in (announced, streamed):
        assert (response.status_code, response.json()["error"]["code"]) == (413, "body_too_large")


def test_every_response_has_security_headers_and_a_request_id_and_no_cors(standing: Standing) -> None:
    for path in ("/health/live", "/nope", "/"):
        headers = standing.client.get(path, headers={"Origin": "http://127.0.0.1:8000"}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers
        assert headers["x-request-id"]


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-1.2", True), ("x" * 65, False), ("a b", False), ('"', False)]
)
def test_a_sane_request_id_is_kept(standing: Standing, given: str, kept: bool) -> None:
    answered = standing.client.get("/health/live", headers={"X-Request-ID": given}).headers["x-request-id"]
    assert (answered == given) is kept


@pytest.mark.parametrize("name", ["host", "origin"])
@pytest.mark.parametrize("value", ["[", "[]:80", "http://[", "\xff"])
@pytest.mark.parametrize("path", ["/v1/models", "/metrics"])
def test_a_host_or_origin_that_is_none_is_refused(
    standing: Standing, name: str, value: str, path: str
) -> None:
    reply = standing.client.get(path, headers={name: value.encode("latin-1")})
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "local_only")


def test_a_405_names_all_methods_of_the_path(standing: Standing) -> None:
    assert standing.client.put("/admin/documents").headers["allow"] == "GET, DELETE"


@pytest.mark.parametrize("path", ["/v1/search/", "/v1/conversations/", "/admin/jobs/x/"])
def test_a_slash_too_many_is_a_404_and_no_redirect(standing: Standing, path: str) -> None:
    reply = standing.client.get(path, follow_redirects=False)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "body",
    [b"{", b"\0", b'{"query": "\xff"}', b"[" * 100_000, b'{"query": ' + b"9" * 5000 + b"}"],
    ids=["malformed", "NUL", "not UTF-8", "deep", "huge number"],
)
def test_a_body_that_cannot_be_read_is_400_and_says_what_to_send(standing: Standing, body: bytes) -> None:
    reply = standing.client.post("/v1/search", content=body, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_json")
    assert "JSON" in reply.json()["error"]["message"]
