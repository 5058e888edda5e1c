"""Links: those that leave the folder are named as failures, all others are files like any."""

from __future__ import annotations

from pathlib import Path

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
