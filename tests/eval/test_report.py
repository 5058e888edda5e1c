import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from core.types import Answer, Message
from eval.arms import Arm, Bench
from eval.evaluation import run
from eval.questions import LineFault, QuestionFile
from eval.report import markdown, table
from eval.results import EvaluationReport
from tests.eval.building import answer, hit, question

NASTY = "</script><script>alert('x')</script> {{verdict}} | \\u2028\u2028 <b>&amp;"


def make(
    folder: Path, share: float, n: int = 40, arms: Sequence[str] = ("base", "tuned")
) -> EvaluationReport:
    """The first arm is right in half of the questions, the others in a share of them."""
    questions = [question(f"q{i}", question=f"Question {i} {NASTY}", evidence=()) for i in range(n)]
    places = {item.question: place for place, item in enumerate(questions)}

    def arm(name: str, limit: float) -> Arm:
        def reply(text: str, history: Sequence[Message]) -> Answer:
            right = places.get(text, 0) < limit * n
            return answer(f"27 days {NASTY}" if right else NASTY, hits=[hit(NASTY)], quotes=[NASTY])

        return Arm(name, reply, "a stand-in")

    file = QuestionFile(Path("q.jsonl"), "ab" * 32, tuple(questions), (LineFault(3, "not JSON"),))
    bench = Bench(tuple(arm(name, share if place else 0.5) for place, name in enumerate(arms)), {})
    now = datetime(2026, 11, 3, tzinfo=UTC)
    return run(file, bench, folder=folder, command="inhouse evaluate --questions q.jsonl", now=now)


class Page(HTMLParser):
    """Collects tags, attributes and the text of script elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action")]
        if tag not in ("meta", "input", "rect", "line", "circle"):
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data


def html(report: EvaluationReport) -> str:
    return (report.report / "report.html").read_text(encoding="utf-8")


def test_the_page_needs_nothing_from_outside(tmp_path: Path) -> None:
    text = html(make(tmp_path, 0.9))
    page = Page(text)
    assert all(address.startswith("#") for address in page.addresses)
    assert all(f"id='{a[1:]}'" in text or f'id="{a[1:]}"' in text for a in page.addresses)
    assert not {"link", "img", "iframe"} & set(page.tags)
    assert not re.search(r"https?://|@import|url\(", text.replace(NASTY, ""))
    assert page.open == []


def test_no_text_of_a_document_or_answer_becomes_markup(tmp_path: Path) -> None:
    page = Page(html(make(tmp_path, 0.9)))
    assert len(page.scripts) == 2
    data = json.loads(page.scripts[0])
    assert data["rows"][0]["question"] == f"Question 0 {NASTY}"
    assert data["rows"][0]["arms"]["tuned"]["citations"][0]["quote"] == NASTY
    assert "innerHTML" not in page.scripts[1]


def test_a_name_with_markup_is_escaped(tmp_path: Path) -> None:
    text = html(make(tmp_path, 0.9, arms=("base", "<i>tuned</i>")))
    assert "<i>tuned" not in text
    assert "&lt;i&gt;tuned" in text


def test_every_placeholder_of_the_template_is_filled(tmp_path: Path) -> None:
    before_data = html(make(tmp_path, 0.9)).split('id="data"')[0]
    assert "{{" not in before_data


@pytest.mark.parametrize(
    ("share", "sentence"),
    [
        (0.9, "tuned is better than base: 90.0% of 40 questions right instead of 50.0% (+40.0 points"),
        (0.1, "tuned is worse than base: 10.0% of 40 questions right instead of 50.0% (-40.0 points"),
        (0.55, "No clear difference between tuned and base: 55.0% of 40 questions right instead of 50.0%"),
        (0.5, "tuned and base get the same questions right: 50.0% of 40."),
    ],
)
def test_the_verdict_comes_first_in_every_form(tmp_path: Path, share: float, sentence: str) -> None:
    report = make(tmp_path, share)
    assert report.verdict.startswith(sentence)
    assert markdown(report).splitlines()[2].startswith(f"**{sentence}")
    title, _, figures = sentence.partition(": ")
    assert f"<h1>{title}</h1>" in html(report)
    assert figures in html(report)
    assert sentence in table(report)


def test_too_few_documents_give_figures_but_no_verdict(tmp_path: Path) -> None:
    report = make(tmp_path, 0.9, n=4)
    assert report.verdict.startswith("The questions rest on too few documents to tell tuned from base")
    assert "nothing to compare" in html(report)


def test_one_arm_alone_is_reported_without_a_comparison(tmp_path: Path) -> None:
    report = make(tmp_path, 0.9, arms=("base",))
    assert report.verdict == "base gets 50.0% of the questions right."
    assert "against" not in table(report)
    assert "nothing to compare" in html(report)


def test_the_table_aligns_its_columns_and_marks_what_is_sure(tmp_path: Path) -> None:
    lines = table(make(tmp_path, 0.9)).splitlines()
    header, first = lines[0], lines[1]
    assert header.split()[:2] == ["base", "tuned"]
    assert first.startswith("All questions right")
    assert first.endswith("better")
    assert first.index("50.0%") + 5 == header.index("base") + 4
    assert re.search(r"\+40\.0 \(\+\d+\.\d to \+\d+\.\d\) better$", first)


def test_three_arms_are_each_compared_with_the_first(tmp_path: Path) -> None:
    report = make(tmp_path, 0.9, arms=("base", "tuned", "other"))
    assert [c.arm for c in report.comparisons if c.metric == "right"] == ["tuned", "other"]
    assert table(report).splitlines()[0].count("(95% interval)") == 2
    assert "other against base" in html(report)


def test_in_a_narrow_terminal_clear_differences_stand_below_the_figures(tmp_path: Path) -> None:
    report = make(tmp_path, 0.9, arms=("base", "tuned", "other"))
    lines = table(report, 80).splitlines()
    assert max(map(len, lines[: lines.index("")])) <= 80
    assert lines[0].split() == ["base", "tuned", "other"]
    below = lines[lines.index("tuned - base (95% interval)") + 1 :]
    assert re.fullmatch(r"  All questions right: \+40\.0 \(\+\d+\.\d to \+\d+\.\d\) better", below[0])
    assert "other - base (95% interval)" in below
    assert table(report, 1000) == table(report)
    assert report.verdict in lines


def test_in_a_narrow_terminal_what_is_not_clear_is_said_to_be_so(tmp_path: Path) -> None:
    alike = table(make(tmp_path, 0.5, arms=("base", "tuned", "other")), 60)
    assert alike.count("  no clear difference") == 2


def test_the_notes_name_bad_lines_the_data_and_the_command(tmp_path: Path) -> None:
    text = markdown(make(tmp_path, 0.9))
    assert "- Line 3 left out: not JSON." in text
    assert "SHA-256 abababababab" in text
    assert "40 questions have no evidence" in text
    assert "`inhouse evaluate --questions q.jsonl`" in text
    assert "tuned against base, question by question: 16 won, 24 alike, 0 lost; p < 0.001" in text


def test_a_table_cell_of_the_markdown_cannot_break_its_row(tmp_path: Path) -> None:
    report = make(tmp_path, 0.9)
    odd = replace(
        report,
        results=tuple(replace(r, name=f"{r.name}|x\ny") for r in report.results),
        comparisons=[replace(c, base=f"{c.base}|x\ny", arm=f"{c.arm}|x\ny") for c in report.comparisons],
    )
    rows = [line for line in markdown(odd).splitlines() if line.startswith("| All questions right")]
    header = next(line for line in markdown(odd).splitlines() if line.startswith("|  |"))
    assert "base\\|x y" in header
    assert len(rows) == 1
