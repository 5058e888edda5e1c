"""A judge model behind a real endpoint, and agreement with people."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from core.settings import JudgeSettings
from eval import findings
from eval.agreement import kappa, with_ratings
from eval.judge import judge_of, judged, judgement
from eval.metrics import score
from eval.results import ArmResult
from tests.eval.building import answer, hit, question

QUESTIONS = [question(f"q{n}", question=f"Question {n}?") for n in range(6)]
GOOD, BAD = "You get 27 days.", "You get a hundred days."


def result(name: str, texts: Sequence[str]) -> ArmResult:
    answers = tuple(answer(text, hits=[hit()]) for text in texts)
    samples = tuple(score(one, reply, 1.0) for one, reply in zip(QUESTIONS, answers, strict=True))
    return ArmResult(name, "", answers, samples)


@dataclass
class JudgeServer:
    address: str
    verdict: str = "good"  # prefers GOOD; `first`: always what it is shown first; else says that
    asked: list[dict[str, Any]] = field(default_factory=list)

    def reply(self, request: dict[str, Any]) -> str:
        self.asked.append(request)
        text = request["messages"][-1]["content"]
        if self.verdict == "first":
            return "A"
        first = text.partition("Answer A: ")[2].partition("\n")[0]
        return ("A" if first == GOOD else "B") if self.verdict == "good" else self.verdict


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            chunk = {
                "id": "1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "j",
                "choices": [{"index": 0, "delta": {"content": made.reply(body)}, "finish_reason": "stop"}],
            }
            data = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        made = JudgeServer(f"http://127.0.0.1:{running.server_port}/v1")
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield made
        running.shutdown()
        thread.join()


def ask(server: JudgeServer, other: Sequence[str], ratings: dict[tuple[str, str], int] | None = None) -> dict:
    judge = judge_of(JudgeSettings(model="j", base_url=server.address))
    (row,) = judged(judge, [result("base", [GOOD] * 6), result("tuned", other)], QUESTIONS, ratings or {})
    return row


def test_a_judge_that_sees_quality_prefers_the_better_arm_in_both_orders(server: JudgeServer) -> None:
    row = ask(server, [BAD] * 4 + [GOOD] * 2)
    assert (row["wins"], row["ties"], row["losses"], row["changed_mind"]) == (0, 2, 4, 0)
    assert len(server.asked) == 8  # equal texts are not shown
    assert row["kappa_with_metric"] == 1.0
    assert "base" not in json.dumps(server.asked)


def test_a_judge_that_takes_whatever_comes_first_gives_ties_alone(server: JudgeServer) -> None:
    server.verdict = "first"
    row = ask(server, [BAD] * 6)
    assert (row["wins"], row["ties"], row["losses"], row["changed_mind"]) == (0, 6, 0, 6)
    assert row["win_rate"] == 0.5


def test_verdicts_that_are_none_are_counted_as_ties(server: JudgeServer) -> None:
    server.verdict = "I cannot say"
    row = ask(server, [BAD] * 6)
    assert (row["ties"], row["unreadable"]) == (6, 6)


def test_people_who_rated_both_answers_are_compared_with_the_judge(server: JudgeServer) -> None:
    rated = {("question 0?", f"{GOOD} [1]"): 1, ("Question 0?", BAD): -1}
    rated |= {("Question 5?", GOOD): -1, ("Question 1?", GOOD): 1}
    row = ask(server, [BAD] * 5 + [GOOD], rated)
    assert row["rated_pairs"] == 2
    assert row["kappa_with_people"] == 1.0
    (told,) = findings.standings({"judge": {"model": "judy", "comparisons": [row]}})
    assert f"(win rate {row['win_rate']:.1%}" in told
    assert "with people 1.000 over 2 questions whose answers they rated." in told


@pytest.mark.parametrize(
    ("address", "fault"), [("http://127.0.0.1:9/v1", "cannot be reached"), ("", "needs an endpoint")]
)
def test_a_judge_that_cannot_be_asked_is_named_and_the_report_stands(address: str, fault: str) -> None:
    results = [result("base", [GOOD] * 6), result("tuned", [BAD] * 6)]
    found = judgement(JudgeSettings(model="j", base_url=address), results, QUESTIONS, {})
    assert fault in found["error"]


def test_kappa_equals_the_reference_implementation() -> None:
    draw = np.random.default_rng(8)
    for _ in range(20):
        one, other = draw.integers(-1, 2, 50).tolist(), draw.integers(-1, 2, 50).tolist()
        assert kappa(one, other) == pytest.approx(cohen_kappa_score(one, other))
    assert kappa([], []) is None
    assert kappa([1, 1], [1, 1]) is None


def test_ratings_of_the_same_answers_are_held_against_the_metric() -> None:
    results = [result("base", [GOOD] * 3 + [BAD] * 3)]
    ratings = {("Question 0?", GOOD): 1, ("Question 1?", GOOD): -1, ("Question 3?", BAD): -1}
    ratings |= {("Another?", GOOD): 1}
    assert with_ratings(results, QUESTIONS, ratings) == {"rated_answers": 3, "agree": 0.6667, "kappa": 0.4}
    assert with_ratings(results, QUESTIONS, {}) is None
