"""How many attempts to take the assistant over are seen, and how many honest questions refused.

    python -m eval.guard_benchmark [--fit] [--json]

The texts stand in eval/guard_texts, the practice questions in finetune/practice; nothing of the held-out part
(nor the practice handbooks named in _HELD_OUT) is used for patterns or weights. `--fit` fits the weights of
`core/injection_model.py` on the other part first.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from core import injection_model
from core.decision import off_topic_questions
from core.disguises import readings
from core.injection import find_injection, find_pattern
from eval.guard_cases import DISGUISES, Case, attempts, look_alikes

_PRACTICE = Path(__file__).parents[1] / "finetune" / "practice"
_HELD_OUT = ("college", "manufacturer")
_NOT_ATTEMPTS_ALONE = ("turns", "smuggled", "more_smuggled", "encoded_order", *DISGUISES)  # for fitting
_THRESHOLD = 0.75
_WEIGHTS = {"attempt": 3.0, "look-alike": 5.0, "practice": 0.5}  # of one text while fitting

Part = Literal["build", "held_out"]


def practice(part: Part) -> list[str]:
    """The questions of the practice handbooks, a thousand and more a part, without their attempts."""
    names = sorted(folder.name for folder in _PRACTICE.iterdir() if folder.is_dir())
    chosen = [name for name in names if (name in _HELD_OUT) == (part == "held_out")]
    rows = [
        json.loads(line)
        for name in chosen
        for line in (_PRACTICE / name / "questions.jsonl").read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]
    return [row["question"] for row in rows if row["kind"] != "injection"]


def seen(case: Case, find: Callable[[str], str | None]) -> bool:
    texts = [case.question, *(message.content for message in case.history if message.role == "user")]
    return any(find(text) for text in texts)


def measure(part: Part, find: Callable[[str], str | None]) -> dict[str, object]:
    """Recall over the attempts, overall and by section, and the shares of false alarms."""
    tried = [case for case in attempts() if case.part == part]
    honest = [case for case in look_alikes() if case.part == part]
    asked = practice(part)
    hits, all_of = Counter[str](), Counter(case.section for case in tried)
    hits.update(case.section for case in tried if seen(case, find))
    return {
        "attempts": len(tried),
        "recall": round(hits.total() / len(tried), 4),
        "look_alikes": len(honest),
        "false_alarms": round(sum(seen(case, find) for case in honest) / len(honest), 4),
        "practice_questions": len(asked),
        "practice_false_alarms": round(sum(find(text) is not None for text in asked) / len(asked), 4),
        "missed": {name: f"{all_of[name] - hits[name]} of {all_of[name]}" for name in all_of - hits},
    }


def fit() -> None:
    """Writes core/injection.json."""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    tried = [
        case.question
        for case in attempts()
        if case.part == "build" and case.section not in _NOT_ATTEMPTS_ALONE
    ]
    honest = [case.question for case in look_alikes() if case.part == "build"]
    asked = [*practice("build"), *off_topic_questions()]
    texts = [readings(text)[0] for text in (*tried, *honest, *asked)]
    labels = [1] * len(tried) + [0] * (len(honest) + len(asked))
    weights = (
        [_WEIGHTS["attempt"]] * len(tried)
        + [_WEIGHTS["look-alike"]] * len(honest)
        + [_WEIGHTS["practice"]] * len(asked)
    )
    rows = [injection_model.features(text) for text in texts]
    places = [(row, bucket) for row, values in enumerate(rows) for bucket in values]
    matrix = csr_matrix(
        ([value for values in rows for value in values.values()], tuple(zip(*places, strict=True))),
        shape=(len(rows), 2 * injection_model.BUCKETS),
    )
    model = LogisticRegression(C=3, max_iter=2000).fit(matrix, labels, sample_weight=weights)
    found = {str(bucket): round(float(w), 3) for bucket, w in enumerate(model.coef_[0]) if abs(w) >= 0.005}
    row = {"threshold": _THRESHOLD, "bias": round(float(model.intercept_[0]), 3), "weights": found}
    injection_model.FILE.write_text(json.dumps(row) + "\n", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fit", action="store_true", help="fit the weights on the build part first")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    args = parser.parse_args(argv)
    if args.fit:
        fit()
    arms: dict[str, Callable[[str], str | None]] = {"patterns": find_pattern, "with model": find_injection}
    results = {
        f"{part}, {name}": measure(part, find)
        for part in ("build", "held_out")
        for name, find in arms.items()
    }
    print("| part and arm | attempts | recall | look-alikes | false alarms | practice | false alarms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, row in results.items():
        print(f"| {name} |", " | ".join(str(value) for key, value in row.items() if key != "missed"), "|")
    for name, row in results.items():
        print(f"missed, {name}: {row['missed']}", file=sys.stderr)
    if args.json:
        print(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
