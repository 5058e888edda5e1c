import re

import pytest

from eval import curves

BINS = [{"confidence": 0.2, "share": 0.1, "n": 4}, {"confidence": 0.8, "share": 0.9, "n": 6}]
POINTS = [{"coverage": 0.5, "risk": 0.1}, {"coverage": 1.0, "risk": 0.4}]
FULL = {
    "risk_coverage": {"aurc": 0.2, "answered": 10, "points": POINTS},
    "calibration": {"ece": 0.1, "bins": BINS},
    "refusals": {"no_answer": {"precision": 0.5, "recall": None}},
    "stages_ms": {"retrieve": {"p50": 12.4, "p95": 40.0}},
}
STANDINGS = [
    {"arm": "<b>", "elo": 1520.0, "elo_low": None, "elo_high": None, "win_rate": 0.55}
    | {"win_rate_low": None, "win_rate_high": None},
    {"arm": "base", "elo": 1480.0, "elo_low": 1400.0, "elo_high": 1550.0, "win_rate": 0.45}
    | {"win_rate_low": 0.4, "win_rate_high": 0.5},
]


def test_what_was_not_measured_is_not_shown() -> None:
    assert curves.sections({"base": {"right": 0.5}, "tuned": {"calibration": None}}) == ""


@pytest.mark.parametrize("key", FULL)
def test_each_is_shown_where_one_arm_has_it(key: str) -> None:
    text = curves.sections({"base": {}, "<i>": {key: FULL[key]}})
    assert text.count("<section>") == 1
    assert "&lt;i&gt;" in text
    assert "<i>" not in text


def test_a_curve_goes_up_with_the_risk() -> None:
    ((x1, y1), (x2, y2)) = re.findall(r"([\d.]+),([\d.]+)", curves.risk_coverage({"base": FULL}))
    assert float(x2) > float(x1)
    assert float(y2) < float(y1)


def test_tables_give_every_arm_its_column_and_what_is_missing_is_said() -> None:
    other = {"refusals": {"off_topic": {"precision": 1.0, "recall": 0.5}}}
    text = curves.refusals({"base": FULL, "tuned": other})
    assert re.findall(r"<th scope='row'>([^<]+)</th><td>([^<]+)</td><td>([^<]+)</td>", text) == [
        ("no answer", "50.0% / n/a", "n/a"),
        ("off topic", "n/a", "100.0% / 50.0%"),
    ]
    assert "<td>12 / 40 ms</td>" in curves.latency_by_stage({"base": FULL})


def test_the_best_rated_arm_stands_first() -> None:
    text = curves.ratings(STANDINGS)
    assert text.index("&lt;b&gt;") < text.index(">base<")
    assert "1480 (1400 to 1550)" in text
    assert "<td>1520</td><td>55.0%</td>" in text
    assert "<td>45.0% (40.0% to 50.0%)</td>" in text
