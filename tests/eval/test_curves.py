import re

import pytest

from eval import curves

BINS = [
    {"confidence": 0.2, "accuracy": 0.1, "n": 4},
    {"confidence": 0.8, "accuracy": 0.9, "n": 6},
    {"confidence": 0.5, "accuracy": None, "n": 0},
]
FULL = {
    "risk_coverage": [{"coverage": 0.5, "risk": 0.1}, {"coverage": 1.0, "risk": 0.4}],
    "calibration": {"ece": 0.1, "bins": BINS},
    "recall_at": {"1": 0.5, "5": 0.75},
    "refusals": {"no_answer": {"precision": 0.5, "recall": None}},
    "latency_by_stage": {"retrieve": {"p50": 12.4, "p95": 40.0}},
}
ELO = {
    "base": {"rating": 1480.0, "low": 1400.0, "high": 1550.0, "win_rate": 0.45},
    "<b>": {"rating": 1520.0, "low": None, "high": None, "win_rate": 0.55},
}


def test_what_was_not_measured_is_not_shown() -> None:
    assert curves.sections({"base": {"right": 0.5}, "tuned": {"calibration": None}}, None) == ""


@pytest.mark.parametrize("key", FULL)
def test_each_is_shown_where_one_arm_has_it(key: str) -> None:
    text = curves.sections({"base": {}, "<i>": {key: FULL[key]}}, None)
    assert text.count("<section>") == 1
    assert "&lt;i&gt;" in text
    assert "<i>" not in text


def test_a_curve_goes_up_with_the_risk() -> None:
    ((x1, y1), (x2, y2)) = re.findall(r"([\d.]+),([\d.]+)", curves.risk_coverage({"base": FULL}))
    assert float(x2) > float(x1)
    assert float(y2) < float(y1)


def test_an_empty_bin_has_no_point() -> None:
    assert curves.calibration({"base": FULL}).count("<circle") == 2


def test_tables_give_every_arm_its_column_and_what_is_missing_is_said() -> None:
    other = {"recall_at": {"5": 0.8, "10": 0.9}}
    text = curves.recall_at({"base": FULL, "tuned": other})
    rows = re.findall(r"<tr><th scope='row'>(\d+)</th><td>([^<]+)</td><td>([^<]+)</td>", text)
    assert rows == [("1", "50.0%", "n/a"), ("5", "75.0%", "80.0%"), ("10", "n/a", "90.0%")]
    assert "<td>50.0% / n/a</td>" in curves.refusals({"base": FULL})
    assert "<td>12 / 40 ms</td>" in curves.latency_by_stage({"base": FULL})


def test_the_best_rated_arm_stands_first() -> None:
    text = curves.ratings(ELO)
    assert text.index("&lt;b&gt;") < text.index(">base<")
    assert "1480 (1400 to 1550)" in text
    assert "<td>1520</td>" in text


def test_a_curve_with_its_area_and_bins_by_what_the_documents_hold_are_read_too() -> None:
    points = {"aurc": 0.2, "points": FULL["risk_coverage"]}
    assert curves.risk_coverage({"base": {"risk_coverage": points}}) == curves.risk_coverage({"base": FULL})
    bins = [{"confidence": 0.2, "share": 0.1, "n": 4}, {"confidence": 0.8, "share": 0.9, "n": 6}]
    told = {"base": {"calibration": {"ece": 0.1, "bins": bins}}}
    assert curves.calibration(told) == curves.calibration({"base": FULL})
    assert curves.latency_by_stage({"base": {"stages_ms": FULL["latency_by_stage"]}}) == (
        curves.latency_by_stage({"base": FULL})
    )
