"""What the README and the docs show is there: commands parse, files and settings exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from core.settings import Settings
from service.cli import parse

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def shown_commands() -> list[str]:
    found = []
    for page in PAGES:
        for block in re.findall(
            r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        ):
            for line in block.splitlines():
                words = line.split("#")[0].removeprefix("$ ")
                if match := re.match(r"(?:[A-Z_]+=\S+ )*inhouse (.+)", words):
                    found.append(match.group(1))
    return sorted(set(found))


@pytest.mark.parametrize("command", shown_commands())
def test_a_command_that_is_shown_is_understood(command: str) -> None:
    assert parse(shlex.split(command)).command


def test_a_setting_that_is_shown_exists() -> None:
    shown = {
        name for page in PAGES for name in re.findall(r"INHOUSE_([A-Z_]+)=", page.read_text(encoding="utf-8"))
    }
    assert shown
    for name in shown:
        section, _, field = name.lower().partition("__")
        info = Settings.model_fields[section]
        if field:
            assert info.annotation is not None
            assert field in info.annotation.model_fields, name


def test_a_file_that_is_named_exists() -> None:
    named = {
        path
        for page in PAGES
        for path in re.findall(
            r"`((?:core|ingestion|finetune|eval|service|docker|examples|docs|tests)/[\w./]+)`",
            page.read_text(encoding="utf-8"),
        )
    }
    assert len(named) > 20
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
