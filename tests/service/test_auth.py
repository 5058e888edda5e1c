from __future__ import annotations

from collections.abc import Callable

import pytest

from core.settings import ServiceSettings, Settings, load_settings
from service.auth import is_loopback
from tests.service.conftest import Standing


@pytest.fixture
def locked(stand: Callable[..., Standing], settings: Settings) -> Standing:
    keys = ServiceSettings(api_keys=("chat-key", "schlüssel"), admin_keys=("admin-key",))
    return stand(settings.model_copy(update={"service": keys}))


def get(standing: Standing, path: str, key: str | None) -> tuple[int, str]:
    headers = {"Authorization": key.encode()} if key else {}
    response = standing.client.get(path, headers=headers)
    return response.status_code, response.json().get("error", {}).get("code", "")


@pytest.mark.parametrize(
    ("path", "key", "expected"),
    [
        ("/v1/models", None, (401, "missing_api_key")),
        ("/v1/models", "Bearer ", (401, "missing_api_key")),
        ("/v1/models", "Basic chat-key", (401, "missing_api_key")),
        ("/v1/models", "Bearer wrong", (401, "invalid_api_key")),
        ("/v1/models", "Bearer chat-key", (200, "")),
        ("/v1/models", "bearer chat-key", (200, "")),
        ("/v1/models", "Bearer admin-key", (200, "")),
        ("/admin/documents", "Bearer chat-key", (403, "permission_denied")),
        ("/admin/documents", "Bearer wrong", (401, "invalid_api_key")),
        ("/admin/documents", "Bearer admin-key", (200, "")),
        ("/health/live", None, (200, "")),
    ],
)
def test_keys_and_scopes(locked: Standing, path: str, key: str | None, expected: tuple[int, str]) -> None:
    assert get(locked, path, key) == expected


def test_401_names_the_scheme(locked: Standing) -> None:
    assert locked.client.get("/v1/models").headers["www-authenticate"] == "Bearer"


def test_a_key_is_asked_for_before_the_body_is_judged(locked: Standing) -> None:
    assert locked.client.post("/v1/search", json={"wrong": 1}).status_code == 401


def test_with_chat_keys_only_nobody_administers(stand: Callable[..., Standing], settings: Settings) -> None:
    keys = ServiceSettings(api_keys=("chat-key",))
    standing = stand(settings.model_copy(update={"service": keys}))
    assert get(standing, "/admin/documents", "Bearer chat-key") == (403, "permission_denied")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},  # DNS rebinding
        {"Origin": "https://evil.example"},  # a page of another site
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
    ],
)
def test_without_keys_other_sites_are_refused(standing: Standing, headers: dict[str, str]) -> None:
    response = standing.client.get("/admin/documents", headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (403, "local_only")


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "localhost"])
def test_without_keys_this_machine_is_served(standing: Standing, host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert standing.client.get("/v1/models", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("192.168.1.2", False),
        ("", False),
        ("127.0.0.1.evil.example", False),
    ],
)
def test_what_counts_as_this_machine(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize("spelled", ["one,two", " one , two ,", '["one", "two"]'])
def test_keys_stand_in_one_variable(monkeypatch: pytest.MonkeyPatch, spelled: str) -> None:
    monkeypatch.setenv("INHOUSE_SERVICE__API_KEYS", spelled)
    assert load_settings().service.api_keys == ("one", "two")


def test_an_empty_key_in_the_settings_opens_nothing(
    stand: Callable[..., Standing], settings: Settings
) -> None:
    keys = ServiceSettings(api_keys=("",), admin_keys=("",))
    standing = stand(settings.model_copy(update={"service": keys}))
    for key in (None, "Bearer ", "Bearer  "):
        assert get(standing, "/v1/models", key) == (401, "missing_api_key")


def test_keys_never_show_in_a_printed_settings_object() -> None:
    assert "secret" not in repr(ServiceSettings(api_keys=("secret",), admin_keys=("secret",)))
