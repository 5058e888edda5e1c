from __future__ import annotations

import threading

import pytest

from service.background import BackgroundWriter


def test_rows_are_written_together_and_in_order() -> None:
    batches: list[list[int]] = []
    writer = BackgroundWriter(batches.append)
    for number in range(50):
        assert writer.put(number)
    assert writer.flush()
    assert [row for batch in batches for row in batch] == list(range(50))
    assert len(batches) <= 2
    writer.close()


def test_closing_writes_what_waits_and_takes_no_more() -> None:
    rows: list[int] = []
    writer = BackgroundWriter(rows.extend)
    for number in range(500):
        writer.put(number)
    writer.close()
    assert rows == list(range(500))
    assert not writer.put(500)


def test_rows_beyond_the_capacity_are_refused_without_waiting() -> None:
    gate = threading.Event()
    writer = BackgroundWriter(lambda rows: gate.wait(10) and None, capacity=3)
    taken = [writer.put(number) for number in range(1000)]
    assert taken[:3] == [True] * 3
    assert taken[-1] is False
    assert writer.dropped == taken.count(False)
    assert not writer.flush(timeout_s=0.05)
    gate.set()
    assert writer.flush()
    writer.close()


def test_a_row_that_cannot_be_written_takes_no_other_along(caplog: pytest.LogCaptureFixture) -> None:
    rows: list[int] = []

    def write(batch: list[int]) -> None:
        if 2 in batch:
            raise ValueError("two is not for me")
        rows.extend(batch)

    writer = BackgroundWriter(write)
    for number in range(4):
        writer.put(number)
    writer.close()
    assert (rows, writer.written, writer.dropped) == ([0, 1, 3], 3, 1)
    assert "two is not for me" in caplog.text
