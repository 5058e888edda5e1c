"""What pages of other sites may do, and what browsers are told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.errors import ConfigurationError
from core.settings import ServiceSettings, Settings, load_settings
from tests.service.conftest import Standing

SITE = "https://intranet.example.com"
ASKING = {"Origin": SITE, "Access-Control-Request-Method": "POST"}


@pytest.fixture
def open_to_site(stand: Callable[..., Standing], settings: Settings) -> Standing:
    service = ServiceSettings(cors_origins=(SITE,), api_keys=("key",))
    return stand(settings.model_copy(update={"service": service}))


def test_off_by_default(standing: Standing) -> None:
    reply = standing.client.options("/v1/search", headers=ASKING)
    assert (reply.status_code, reply.json()["error"]["code"]) == (405, "method_not_allowed")
    assert not [name for name in reply.headers if name.startswith("access-control")]


def test_a_named_site_may_ask_with_a_key(open_to_site: Standing) -> None:
    headers = {**ASKING, "Access-Control-Request-Headers": "authorization,content-type"}
    preflight = open_to_site.client.options("/v1/search", headers=headers)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == SITE
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in preflight.headers
    assert preflight.headers["x-content-type-options"] == "nosniff"
    headers = {"Origin": SITE, "Authorization": "Bearer key"}
    reply = open_to_site.client.get("/v1/models", headers=headers)
    assert reply.status_code == 200
    assert reply.headers["access-control-allow-origin"] == SITE
    assert "retry-after" in reply.headers["access-control-expose-headers"].lower()


def test_a_named_site_can_read_why_it_was_refused(open_to_site: Standing) -> None:
    reply = open_to_site.client.get("/v1/models", headers={"Origin": SITE})
    assert (reply.status_code, reply.headers["access-control-allow-origin"]) == (401, SITE)


def test_another_site_may_not(open_to_site: Standing) -> None:
    headers = {**ASKING, "Origin": "https://evil.example"}
    refused = open_to_site.client.options("/v1/search", headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "cors_refused")
    headers = {"Origin": "https://evil.example", "Authorization": "Bearer key"}
    assert "access-control-allow-origin" not in open_to_site.client.get("/v1/models", headers=headers).headers


def test_without_keys_a_named_site_is_served_and_no_other(
    stand: Callable[..., Standing], settings: Settings
) -> None:
    service = ServiceSettings(cors_origins=("http://localhost:3000",))
    client = stand(settings.model_copy(update={"service": service})).client
    assert client.get("/v1/models", headers={"Origin": "http://localhost:3000"}).status_code == 200
    assert client.get("/v1/models", headers={"Origin": "http://localhost:3001"}).status_code == 403


@pytest.mark.parametrize("origin", ["*", "https://*.example.com", "example.com", "https://example.com/page"])
def test_only_whole_sites_can_be_named(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INHOUSE_SERVICE__CORS_ORIGINS", origin)
    with pytest.raises(ConfigurationError, match="CORS_ORIGINS"):
        load_settings()


def test_browsers_are_told_to_stay_on_tls_where_it_is_spoken(standing: Standing) -> None:
    plain = standing.client.get("/health/live")
    secure = standing.client.get("https://127.0.0.1:8000/health/live")
    assert "strict-transport-security" not in plain.headers
    assert "max-age=31536000" in secure.headers["strict-transport-security"]


def test_responses_carry_what_owasp_asks_of_an_api_and_a_page(standing: Standing) -> None:
    """https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html#security-headers"""
    for path in ("/v1/models", "/"):
        headers = standing.client.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "microphone=()" in headers["permissions-policy"]
        assert "server" not in headers
