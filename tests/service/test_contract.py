"""The OpenAPI page against the running server: what it promises is what comes, whatever is sent."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import schemathesis

from core.bootstrap import Inhouse
from core.settings import LimitSettings, ServiceSettings, Settings
from core.types import EVERYTHING, Filters, Hit
from ingestion import indexing
from service import answers
from service.jobs.kinds import KINDS
from service.jobs.records import Jobs
from tests.fakes import FakeEmbedder, words_of
from tests.service.conftest import Standing, StandInInhouse
from tests.service.test_server import Running

ADMIN, CHAT = "admin-key", "chat-key"
# Rules that no JSON schema can say (a last message of the user's, parameters that contradict each other)
# refuse what the page alone allows.
NOT_SAID = "positive_data_acceptance"
# Without keys this machine is served: nothing on the page says whether there are keys.
NO_KEYS = "ignored_auth,missing_required_header,negative_data_rejection"

NO_LIMITS = LimitSettings(rate="", failed_keys="")


class OverRealIndex(StandInInhouse):
    """Answers from the chunks of a real index."""

    def search(self, query: str, k: int, filters: Filters = EVERYTHING) -> list[Hit]:
        wanted = set(words_of(query))
        index: Any = self.index
        chunks = [chunk for document in index.documents() for chunk in index.document_chunks(document.id)]
        hits = [Hit(chunk, len(wanted & set(words_of(chunk.text))) / max(1, len(wanted))) for chunk in chunks]
        return sorted(hits, key=lambda hit: -hit.score)[:k]


@pytest.fixture
def serve(settings: Settings, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Servers over a small index, that make no job run."""
    running: list[Running] = []

    def make(**keys: tuple[str, ...]) -> Running:
        folder = tmp_path / "handbook"
        folder.mkdir()
        (folder / "leave.md").write_text("# Leave\n\nAll have 28 days.\n\n## Parents\n\nThey have more.\n")
        service = ServiceSettings(worker=False, **keys)
        own = settings.model_copy(
            update={"service": service, "limits": LimitSettings(rate="", failed_keys="")}
        )
        indexing.reindex(own, [folder], embedder=FakeEmbedder())
        parts = Inhouse(own)
        parts.__dict__["embedder"] = FakeEmbedder()
        index: Any = parts.index
        running.append(Running(own, inhouse=OverRealIndex(own, index)))
        return running[-1]

    yield make
    for one in running:
        one.stop()


def run_schemathesis(url: str, folder: Path, *options: str) -> None:
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json"]
    fixed = [
        "--request-timeout",
        "60",
        "--phases",
        "coverage,fuzzing",
        "--seed",
        "1",
        "--max-examples",
        "3",
        "--no-color",
    ]
    done = subprocess.run(
        [*command, *fixed, "--generation-database", "none", *options],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=folder,  # it leaves a folder of its own there
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "Tested: 24" in done.stdout


def test_with_keys_nothing_comes_that_the_page_does_not_promise(
    serve: Callable[..., Running], tmp_path: Path
) -> None:
    url = serve(api_keys=(CHAT,), admin_keys=(ADMIN,)).url
    run_schemathesis(
        url, tmp_path, "--header", f"Authorization: Bearer {ADMIN}", "--exclude-checks", NOT_SAID
    )


def test_without_keys_nothing_comes_that_the_page_does_not_promise(
    serve: Callable[..., Running], tmp_path: Path
) -> None:
    run_schemathesis(serve().url, tmp_path, "--exclude-checks", f"{NOT_SAID},{NO_KEYS}")


def test_a_stream_is_as_the_page_says(serve: Callable[..., Running]) -> None:
    page = schemathesis.openapi.from_url(f"{serve().url}/openapi.json")
    body = {"messages": [{"role": "user", "content": "How many days?"}], "stream": True}
    asked = page["/v1/chat/completions"]["POST"].Case(body=body, media_type="application/json")
    reply = asked.call_and_validate(excluded_checks=[schemathesis.checks.CHECKS.get_one("ignored_auth")])
    assert reply.headers["content-type"][0].startswith("text/event-stream")


@pytest.fixture
def locked(stand: Callable[..., Standing], settings: Settings) -> Standing:
    service = ServiceSettings(api_keys=(CHAT,), admin_keys=(ADMIN,))
    return stand(settings.model_copy(update={"service": service}))


def operations(page: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in page["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


@pytest.mark.parametrize("key", [None, "wrong", CHAT])
def test_every_route_that_says_so_needs_its_key(locked: Standing, key: str | None) -> None:
    page = locked.client.get("/openapi.json").json()
    body_schema = {**page["components"]["schemas"]["ErrorBody"], "components": page["components"]}
    asked = 0
    for method, path, operation in operations(page):
        if {"bearer": []} not in operation.get("security", ()) or {} in operation["security"]:
            continue
        if key == CHAT and path.startswith("/v1"):
            continue
        asked += 1
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        reply = locked.client.request(method, path.format_map(_Anything()), headers=headers)
        assert reply.status_code == (403 if key == CHAT else 401), (method, path)
        assert str(reply.status_code) in operation["responses"]
        jsonschema.validate(reply.json(), body_schema)
    assert asked == (10 if key == CHAT else 21)


def test_every_fault_on_the_page_has_the_one_shape(standing: Standing) -> None:
    page = standing.client.get("/openapi.json").json()
    assert "HTTPValidationError" not in page["components"]["schemas"]
    for _, _, operation in operations(page):
        for status, response in operation["responses"].items():
            if status.startswith("2"):
                assert response["content"]
            else:
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorBody"}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/search"])
def test_the_page_says_that_answering_may_wait_in_vain(standing: Standing, path: str) -> None:
    operation = standing.client.get("/openapi.json").json()["paths"][path]["post"]
    assert {"429", "503", "504"} <= set(operation["responses"])


def test_the_page_shows_the_limits_of_requests(standing: Standing) -> None:
    schemas = standing.client.get("/openapi.json").json()["components"]["schemas"]
    assert schemas["ChatRequest"]["properties"]["messages"]["maxItems"] == 1000
    assert schemas["SearchRequest"]["properties"]["top_k"]["maximum"] == 100


def test_what_keys_of_caches_hold_is_bounded(standing: Standing) -> None:
    for fields in ({"filters": {"tags": ["x" * 201]}}, {"stop": ["x"] * 17}, {"stop": "x" * 201}):
        reply = standing.ask("leave?", **fields)
        assert (reply.status_code, reply.json()["error"]["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    "fields", [{"stream": 1}, {"store": "yes"}, {"stream_options": {"include_usage": 0}}]
)
def test_a_switch_is_true_or_false(standing: Standing, fields: dict[str, Any]) -> None:
    assert standing.ask("leave?", **fields).status_code == 422


NUL = "%00"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", f"/v1/conversations/{NUL}", "unknown_conversation"),
        ("DELETE", f"/v1/conversations/{NUL}", "unknown_conversation"),
        ("PATCH", f"/v1/conversations/{NUL}", "unknown_conversation"),
        ("GET", f"/admin/jobs/{NUL}", "unknown_job"),
        ("DELETE", f"/admin/jobs/{NUL}", "unknown_job"),
        ("GET", f"/v1/models/{NUL}", "unknown_model"),
    ],
)
def test_an_id_that_no_database_can_hold_is_unknown(
    stand: Callable[..., Standing], either_settings: Settings, method: str, path: str, code: str
) -> None:
    client = stand(either_settings).client
    reply = client.request(method, path, json={"title": "x"} if method == "PATCH" else None)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, code)


def test_an_exchange_with_a_nul_is_kept_and_renamed(
    stand: Callable[..., Standing], either_settings: Settings
) -> None:
    standing = stand(either_settings)
    kept = standing.ask("leave \0 days", store=True).json()["conversation_id"]
    assert kept
    renamed = standing.client.patch(f"/v1/conversations/{kept}", json={"title": "a\0b"})
    assert (renamed.status_code, renamed.json()["title"]) == (200, "a\ufffdb")
    reply = standing.ask("days?", conversation_id="\0")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unknown_conversation")


def test_the_page_knows_every_kind_of_job(standing: Standing) -> None:
    jobs = Jobs(standing.app.state.database)
    for kind in KINDS:
        jobs.add(kind, {})
    schemas = standing.client.get("/openapi.json").json()["components"]["schemas"]
    assert set(schemas["JobOut"]["properties"]["kind"]["enum"]) == set(KINDS)
    for row in standing.client.get("/admin/jobs").json()["jobs"]:
        answers.JobOut.model_validate(row)


class _Anything(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "x"
