"""reStructuredText: structure kept, Sphinx's additions read, and no file but the document itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.loaders.restructured import RSTLoader
from tests.ingestion.making import loaded, refusal


def text(content: str) -> str:
    return RSTLoader("guide.rst", content.encode()).load()[0].page_content


def test_sections_lists_definitions_and_tables_are_kept(tmp_path: Path) -> None:
    content = """
=====
Leave
=====

:Owner: People team

Days
----

You get *25* days with ``--senior``, see `the form <https://acme.example>`_:

1. ask

   - early

2. wait

carry-over : rule
    Until March.

====== =====
Site   Days
====== =====
Berlin 25
Paris  30
====== =====

.. code-block:: bash

   leave ask
"""
    document = loaded(tmp_path, "guide.rst", content)
    assert document.title == "Leave"
    assert document.text == (
        "# Leave\n\n- **Owner:** People team\n\n## Days\n\nYou get 25 days with `--senior`, see the form:\n\n"
        "1. ask\n   - early\n2. wait\n\n- **carry-over (rule):** Until March.\n\n"
        "| Site | Days |\n| --- | --- |\n| Berlin | 25 |\n| Paris | 30 |\n\n```\nleave ask\n```"
    )


def test_sections_without_a_title_above_them_are_of_the_second_level() -> None:
    assert text("One\n===\n\na\n\nTwo\n===\n\nb\n") == "## One\n\na\n\n## Two\n\nb"


def test_admonitions_are_paragraphs() -> None:
    content = (
        ".. warning:: Never open it.\n\n.. note::\n\n   First.\n\n   Second.\n\n"
        ".. admonition:: Why\n\n   So.\n"
    )
    assert text(content) == "Warning: Never open it.\n\nNote: First.\n\nSecond.\n\nWhy\n\nSo."


def test_what_sphinx_adds_keeps_its_text() -> None:
    content = (
        "See :ref:`the guide <guide>` and :doc:`other`.\n\n.. toctree::\n   :maxdepth: 2\n\n   hidden\n\n"
        ".. versionadded:: 2.0\n   The client.\n\n.. tab-set::\n\n   .. tab-item:: Linux\n      :sync: a\n\n"
        "      Run it, with :kbd2:`x`.\n"
    )
    assert text(content) == "See the guide and other.\n\nThe client.\n\nLinux\n\nRun it, with x."


@pytest.mark.parametrize(
    "directive",
    [
        ".. include:: {path}",
        ".. literalinclude:: {path}",
        ".. raw:: html\n   :file: {path}",
        ".. raw:: html\n\n   <b>SECRET</b>",
        ".. csv-table:: x\n   :file: {path}",
        ".. code-block::\n   :include: {path}",
        ".. figure:: {path}",
        ".. |x| image:: {path}",
        ".. math::\n   :file: {path}",
    ],
)
def test_no_other_file_is_read_and_nothing_raw_let_through(
    tmp_path: Path, directive: str, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET,SECRET")
    found = loaded(tmp_path, "guide.rst", f"Before.\n\n{directive.format(path=secret)}\n\nAfter.\n").text
    assert "SECRET" not in found
    assert found.startswith("Before.")
    assert found.endswith("After.")
    assert capfd.readouterr().err == ""


def test_a_configuration_file_beside_it_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.txt").write_text("SECRET")
    (tmp_path / "docutils.conf").write_text("[parsers]\nfile_insertion_enabled: yes\n")
    assert "SECRET" not in loaded(tmp_path, "a.rst", "Text.\n\n.. include:: secret.txt\n").text


def test_faults_cost_only_their_own_place(capfd: pytest.CaptureFixture[str]) -> None:
    found = text("Title\n==\n\nSome *open emphasis and |unknown|.\n\n.. note:: \n\nEnd.\n")
    assert "Some *open emphasis and |unknown|." in found
    assert found.endswith("End.")
    assert capfd.readouterr().err == ""


@pytest.mark.timeout(30)
def test_substitutions_that_grow_without_end_are_named(tmp_path: Path) -> None:
    names = "".join(f".. |{n}| replace:: {f'|{n + 1}| ' * 10}\n" for n in range(8))
    refused = refusal(tmp_path, "a.rst", f"Text |0|.\n\n{names}.. |8| replace:: ha\n")
    assert refused == "Its substitutions name each other without end; take these out."
    assert text("By |co| and |me|.\n\n.. |co| replace:: Acme\n.. |me| replace:: |me|\n").startswith(
        "By Acme and"
    )


def test_nesting_without_end_is_named(tmp_path: Path) -> None:
    deep = "\n\n".join("  " * depth + "x" for depth in range(400))
    assert "INHOUSE_INGESTION__MAX_NESTING" in refusal(tmp_path, "a.rst", deep)


def test_empty_and_binary_files_are_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a.rst", "\n.. only a comment\n") == "It holds no text."
    assert refusal(tmp_path, "b.rst", b"\x00\x01\x02text") == "It is a binary file, not text."


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (".. code-block:: python\n   :caption: Run\n   :linenos:\n\n   go(\n     1)", "```\ngo(\n  1)\n```"),
        (".. note::\n   :colour: red\n     or blue\n\n   Never open it.", "Note: Never open it."),
        (
            ".. table:: Days\n   :widths: 1 2 3\n\n   ===== ====\n   Site  Days\n   ===== ====\n"
            "   Rome  25\n   ===== ====",
            "Days\n\n| Site | Days |\n| --- | --- |\n| Rome | 25 |",
        ),
        (
            ".. list-table:: Sites\n   :header-rows: 1\n\n   * - Site\n     - Days\n   * - Rome",
            "Sites\n\n- - Site\n  - Days\n- - Rome",
        ),
        (
            "+---+---+\n| a | b |\n+---+--+\n| c | d |\n+---+---+",
            "```\n+---+---+\n| a | b |\n+---+--+\n| c | d |\n+---+---+\n```",
        ),
        (".. figure:: x.png\n   :colour: red\n\n   The plan.", "The plan."),
        (".. parsed-literal::\n   :colour: red\n\n   go *on*", "```\ngo on\n```"),
        (".. figure:: x.png\n\n   - The plan.", "- The plan."),
        (".. raw:: html\n   :colour: red\n\n   <b>x</b>", ""),
        (".. |x| image:: x.png\n   :colour: red", ""),
    ],
)
def test_blocks_that_docutils_refuses_keep_their_text(block: str, expected: str) -> None:
    assert text(f"Before.\n\n{block}\n\nAfter.\n") == "\n\n".join(
        filter(None, ["Before.", expected, "After."])
    )


def test_a_line_over_the_limit_is_named(tmp_path: Path) -> None:
    refused = refusal(tmp_path, "a.rst", f"Text.\n\n{'word ' * 20_001}\n")
    assert refused == "It has a line of 100,005 characters; the limit is 100,000; break it."
