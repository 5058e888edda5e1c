"""Markdown's notes, tips and warnings as plain paragraphs, whose lines still stand in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.units import split_units
from ingestion.chunking import chunk
from ingestion.loaders.admonitions import without_admonition_marks
from tests.ingestion.making import lines_stand_in, loaded

PAGE = """# VPN

!!! note
    Use the split profile.

    It keeps calls local.

    - faster
    - safer

??? warning "Before you start"
    Ask IT.

> [!WARNING]
> Never share it.

> [!TIP] Faster
> Use a cable.

:::tip
Restart first.
:::

::: warning Take care
It costs.
:::

=== "Linux"

    Run `apt`.

- step

    !!! danger
        Not there.

End.
"""


def test_the_marks_go_and_the_text_stays(tmp_path: Path) -> None:
    found = [line for line in loaded(tmp_path, "a.md", PAGE).text.split("\n") if line.strip()]
    assert found == [
        "# VPN", "Use the split profile.", "It keeps calls local.", "- faster", "- safer", "Before you start",
        "Ask IT.", "> Never share it.", "Faster", "> Use a cable.", "Restart first.", "Take care",
        "It costs.", "Linux", "Run `apt`.", "- step", "    Not there.", "End.",
    ]  # fmt: skip


def test_every_line_of_every_chunk_stands_in_the_file(tmp_path: Path) -> None:
    document = loaded(tmp_path, "a.md", PAGE)
    found = chunk(document, count_tokens=lambda words: len(words.split()), max_tokens=32, overlap_sentences=1)
    assert lines_stand_in(found, PAGE)
    units = [unit for passage in found for unit in split_units(passage.text)]
    assert {"It keeps calls local.", "Never share it.", "Not there."} <= {unit.text for unit in units}
    assert not [unit for unit in units if unit.kind == "code"]


@pytest.mark.parametrize(
    "text",
    [
        "```\n!!! note\n    stays\n> [!NOTE]\n:::tip\n```",
        "~~~~\n```\n:::\n~~~~",
        "!!! Please read this, it matters.\n\nText.",
        "Title\n===\n\nText.",
        "===\n\n    code",
        "> a quote\n> [link]",
        ":::unknown-directive\ntext",
        "Text with !!! and ::: in it.",
    ],
)
def test_everything_else_stays_as_it_is(text: str) -> None:
    assert without_admonition_marks(text) == text


@pytest.mark.timeout(20)
def test_admonitions_in_admonitions() -> None:
    assert without_admonition_marks('!!! note\n    ??? tip "T"\n        x\n    y').split() == ["T", "x", "y"]
    deep = "\n".join("    " * depth + "!!! note" for depth in range(60)) + "\n" + "    " * 60 + "x"
    assert without_admonition_marks(deep).split() == ["x"]
