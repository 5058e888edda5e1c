from __future__ import annotations

import json
import lzma
from pathlib import Path

from core.decision import Decision
from finetune.decision import Observation, background, fit


def observed(kind: str, hit: float, unit: float, off_topic_margin: float) -> Observation:
    values = {
        "hit_best": hit,
        "dense_mean": hit / 2,
        "off_topic_margin": off_topic_margin,
        "unit_best": unit,
        "unit_third": unit - 1,
        "log_chunks": 6.0,
    }
    return Observation(kind, values)


SEEN = [
    row
    for step in range(20)
    for row in (
        observed("answerable", 0.7 + step / 100, 3 + step / 20, 0.3),
        observed("unanswerable", 0.55 + step / 100, -3 + step / 20, 0.2),
        observed("offtopic", 0.1 + step / 100, -6 + step / 20, -0.5),
    )
]


def test_the_fitted_decision_answers_declines_and_redirects(tmp_path: Path) -> None:
    (tmp_path / "decision.json").write_text(json.dumps(fit(SEEN)), encoding="utf-8")
    decision = Decision.load(tmp_path, tmp_path)
    verdicts = {"answerable": "answer", "unanswerable": "no_answer", "offtopic": "off_topic"}
    right = [decision.verdict(row.values)[0] == verdicts[row.kind] for row in SEEN]
    assert sum(right) / len(right) > 0.95


def test_a_stricter_setting_declines_what_would_have_been_answered(tmp_path: Path) -> None:
    (tmp_path / "decision.json").write_text(json.dumps(fit(SEEN)), encoding="utf-8")
    decision = Decision.load(tmp_path / "none", tmp_path)
    values = SEEN[0].values
    verdict, confidence = decision.verdict(values)
    assert verdict == "answer"
    assert decision.verdict(values, min_confidence=(1 + confidence) / 2)[0] == "no_answer"


def test_background_pages_are_written_and_removed(tmp_path: Path) -> None:
    rows = "\n".join(json.dumps({"path": f"{n}.md", "text": f"# Page {n}"}) for n in range(9))
    (tmp_path / "plain.jsonl").write_text(rows, encoding="utf-8")
    (tmp_path / "packed.jsonl.xz").write_bytes(lzma.compress(rows.encode()))
    with background([tmp_path / "plain.jsonl", tmp_path / "packed.jsonl.xz"], pages=8) as (folder,):
        pages = list(folder.glob("*.md"))
        assert len(pages) == 8
        assert pages[0].read_text(encoding="utf-8").startswith("# Page")
    assert not folder.exists()
