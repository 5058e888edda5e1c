from __future__ import annotations

import io
import json
from typing import Any, cast

from service.benchmarks.load import Asked, Questions, _read_stream, percentile, summary


def test_percentiles_are_values_that_were_measured() -> None:
    values = [number / 100 for number in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99)] == [0.51, 0.96, 1.0]
    assert percentile([], 0.99) == 0


def test_statuses_are_counted_and_only_answers_are_timed() -> None:
    asked = [
        Asked("200", "exact", False, 0.1),
        Asked("200", "none", True, 0.4, 0.3),
        Asked("429", "", False, 9.0),
    ]
    figures = summary(asked, seconds=1)
    assert figures["statuses"] == {"200": 2, "429": 1}
    assert (figures["p99_s"], figures["cached"]["number"], figures["uncached"]["p50_ms"]) == (0.4, 1, 400.0)


def test_the_first_text_of_a_stream_is_not_its_first_event() -> None:
    events: list[Any] = [{"choices": [{"delta": {"content": ""}}]}]
    body = io.BytesIO(b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events))
    assert _read_stream(cast(Any, body))[0] == 0
    events += [{"choices": [{"delta": {"content": "28"}}]}, {"choices": [{"delta": {}}], "cached": "none"}]
    body = io.BytesIO(b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events))
    first, last = _read_stream(cast(Any, body))
    assert first > 0
    assert last["cached"] == "none"


def test_questions_that_nobody_asked_do_not_come_twice() -> None:
    questions = Questions.read(seed=1)
    unasked = [questions.unasked() for _ in range(4000)]
    assert len(set(unasked)) > 3900
    assert not set(unasked) & set(questions.before)
