"""What is no file like any: links that leave the folder, pipes and locked folders are named as failures."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.discovery import Discovery, discover

LEAVES = "It is a link that leaves the folder; put the file there."


def folder(place: Path) -> Path:
    docs = place / "docs"
    (docs / "hr").mkdir(parents=True)
    (docs / "hr" / "leave.md").write_text("# Leave\n\nText.")
    return docs


def sources(found: Discovery) -> list[str]:
    return [source.source for source in found.sources]


def test_a_link_that_leaves_the_folder_is_named(tmp_path: Path) -> None:
    docs = folder(tmp_path)
    (tmp_path / "secret.md").write_text("secret")
    (docs / "out.md").symlink_to(tmp_path / "secret.md")
    (docs / "passwd.txt").symlink_to("/etc/passwd")
    found = discover([docs], [])
    assert sources(found) == ["hr/leave.md"]
    assert [(failure.source, failure.error) for failure in found.failures] == [
        ("out.md", LEAVES),
        ("passwd.txt", LEAVES),
    ]


def test_a_link_within_the_folder_is_a_file_like_any(tmp_path: Path) -> None:
    docs = folder(tmp_path)
    (docs / "alias.md").symlink_to(docs / "hr" / "leave.md")
    (docs / "hr" / "up.md").symlink_to(Path("..") / "alias.md")
    found = discover([docs], [])
    assert sources(found) == ["alias.md", "hr/leave.md", "hr/up.md"]
    assert found.failures == ()


def test_a_folder_beside_it_with_the_same_beginning_is_outside(tmp_path: Path) -> None:
    docs = folder(tmp_path)
    (tmp_path / "docs-old").mkdir()
    (tmp_path / "docs-old" / "a.md").write_text("old")
    (docs / "a.md").symlink_to(tmp_path / "docs-old" / "a.md")
    assert [failure.error for failure in discover([docs], []).failures] == [LEAVES]


def test_linked_folders_and_loops_are_passed_over(tmp_path: Path) -> None:
    docs = folder(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "b.md").write_text("other")
    (docs / "other").symlink_to(tmp_path / "other")
    (docs / "loop").symlink_to(docs)
    (docs / "one.md").symlink_to(docs / "two.md")
    (docs / "two.md").symlink_to(docs / "one.md")
    (docs / "gone.md").symlink_to(docs / "nowhere.md")
    found = discover([docs], [])
    assert sources(found) == ["hr/leave.md"]
    assert found.failures == ()


def test_a_file_that_is_asked_for_by_a_link_is_the_file(tmp_path: Path) -> None:
    docs = folder(tmp_path)
    (tmp_path / "link.md").symlink_to(docs / "hr" / "leave.md")
    assert sources(discover([tmp_path / "link.md"], [])) == ["leave.md"]


def test_a_pipe_is_named_and_not_read(tmp_path: Path) -> None:
    docs = folder(tmp_path)
    os.mkfifo(docs / "pipe.md")
    found = discover([docs], [])
    assert sources(found) == ["hr/leave.md"]
    assert [(failure.source, failure.error) for failure in found.failures] == [
        ("pipe.md", "It is no file but a pipe, socket or device.")
    ]


@pytest.fixture
def own_folder() -> Iterator[Path]:
    """A folder of somebody whom rights hold back, which root is not."""
    nobody = 65534
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() == 0:
            os.chown(name, nobody, nobody)
            os.seteuid(nobody)
            try:
                yield Path(name)
            finally:
                os.seteuid(0)
        else:
            yield Path(name)


@pytest.mark.parametrize("rights", [0o644, 0o000])
def test_a_folder_that_cannot_be_entered_is_named_once_and_keeps_its_documents(
    own_folder: Path, rights: int
) -> None:
    docs = folder(own_folder)
    (docs / "hr" / "pay.md").write_text("Pay.")
    (docs / "open.md").write_text("Open.")
    (docs / "hr").chmod(rights)
    try:
        found = discover([docs], [])
    finally:
        (docs / "hr").chmod(0o755)
    assert sources(found) == ["open.md"]
    assert found.unreadable == (docs / "hr",)
    assert [(failure.source, failure.error) for failure in found.failures] == [
        (str(docs / "hr"), "This folder cannot be opened: permission denied.")
    ]
