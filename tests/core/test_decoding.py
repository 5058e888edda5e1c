from __future__ import annotations

from typing import Any

import pytest

from core.decoding import Decoding, StopCutter, beyond_openai, cut_at_stop, decide_decoding, default_decoding
from core.errors import ConfigurationError, InvalidInputError
from core.settings import DecodingSettings, load_settings


def test_a_request_overrides_the_defaults_and_leaves_the_rest() -> None:
    defaults = default_decoding(DecodingSettings(max_tokens=99, repetition_penalty=1.2))
    decided = decide_decoding(defaults, {"temperature": 0.5, "top_p": None, "stop": ("x",)})
    assert decided == Decoding(max_tokens=99, temperature=0.5, repetition_penalty=1.2, stop=("x",))


@pytest.mark.parametrize(
    ("wishes", "named"),
    [
        ({"num_beams": 4, "temperature": 0.7}, ("num_beams", "temperature")),
        ({"top_k": 5}, ("top_k", "temperature")),
        ({"early_stopping": True}, ("early_stopping", "num_beams")),
        ({"length_penalty": 2.0}, ("length_penalty", "num_beams")),
        ({"min_new_tokens": 20, "max_tokens": 10}, ("min_new_tokens", "max_tokens")),
        ({"stop": ("",)}, ("stop",)),
    ],
)
def test_a_contradiction_names_both_parameters(wishes: dict[str, Any], named: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        decide_decoding(Decoding(), wishes)
    assert caught.value.code == "contradictory_decoding"
    assert all(name in caught.value.message for name in named)


def test_who_asks_for_beams_turns_sampling_by_default_off_and_the_other_way_round() -> None:
    sampling, beams = Decoding(temperature=0.7, top_k=9), Decoding(num_beams=4, early_stopping=True)
    assert decide_decoding(sampling, {"num_beams": 2}) == Decoding(num_beams=2)
    assert decide_decoding(beams, {"temperature": 1.0}) == Decoding(temperature=1.0)


def test_settings_that_contradict_each_other_are_refused_at_the_start() -> None:
    with pytest.raises(ConfigurationError, match="num_beams and temperature"):
        load_settings(decoding={"num_beams": 3, "temperature": 0.5})


def test_what_openai_lacks_is_listed() -> None:
    assert beyond_openai(Decoding(temperature=1.0, top_p=0.5, seed=1, stop=("a",), max_tokens=3)) == []
    assert beyond_openai(Decoding(temperature=1.0, top_k=4, repetition_penalty=1.1)) == [
        "top_k",
        "repetition_penalty",
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_stop_string_ends_the_text_wherever_the_pieces_are_cut(size: int) -> None:
    text, cutter = "one STO two STOP three", StopCutter(("STOP", "nowhere"))
    shown = "".join(cutter.push(text[at : at + size]) for at in range(0, len(text), size)) + cutter.rest()
    assert shown == "one STO two "
    assert cutter.stopped


def test_a_beginning_of_a_stop_string_is_shown_once_nothing_follows() -> None:
    assert cut_at_stop("up to S", ("STOP",)) == "up to S"
