import time

import pytest

from core.progress import console


def test_work_that_goes_on_from_before_is_timed_by_what_is_new(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    show = console()
    show("evaluate base", 150, 200)
    now[0] += 10
    show("evaluate base", 160, 200)
    now[0] += 40
    show("evaluate base", 200, 200)
    assert capsys.readouterr().err.splitlines() == [
        "evaluate base: 160/200, 1.0/s, 40 s left",
        "evaluate base: 200/200, 1.0/s, 50 s",
    ]


def test_a_stage_that_is_first_told_of_when_it_ends_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    console()("load", 3, 3)
    assert capsys.readouterr().err == "load: 3/3\n"
