from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ConfigurationError
from core.settings import load_settings


def test_the_environment_outranks_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inhouse.toml").write_text('[service]\nport = 9001\nhost = "127.0.0.2"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INHOUSE_SERVICE__PORT", "9002")
    settings = load_settings()
    assert (settings.service.port, settings.service.host) == (9002, "127.0.0.2")


def test_a_wrong_setting_is_named_with_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INHOUSE_SERVICE__PORT", "99999")
    with pytest.raises(ConfigurationError, match=r"INHOUSE_SERVICE__PORT .*99999"):
        load_settings()


def test_a_misspelt_setting_of_a_section_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INHOUSE_RETRIEVAL__CANDIDATE", "3")
    with pytest.raises(ConfigurationError, match="CANDIDATE"):
        load_settings()


def test_a_broken_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inhouse.toml").write_text("data_dir = ")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=r"inhouse\.toml"):
        load_settings()


def test_keys_do_not_show_when_the_settings_are_printed() -> None:
    settings = load_settings(service={"api_keys": ["secret-key"]}, models={"api_key": "other-secret"})
    assert "secret" not in repr(settings)
