from __future__ import annotations

import json
from typing import Any

import pytest

from core.errors import ModelError
from core.interfaces import Decoding
from core.types import Message
from tests.service.conftest import HANDBOOK, Standing, StandInIndex


def events_of(response: Any) -> list[Any]:
    assert response.headers["content-type"].startswith("text/event-stream")
    lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def test_an_answer_has_openais_shape_and_our_fields(standing: Standing) -> None:
    reply = standing.ask("How many days of leave?").json()
    assert reply["object"] == "chat.completion"
    assert reply["id"].startswith("chatcmpl-")
    assert reply["model"] == "reader@shipped"
    assert reply["usage"] == {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19}
    choice = reply["choices"][0]
    assert (choice["index"], choice["finish_reason"], choice["message"]["role"]) == (0, "stop", "assistant")
    assert choice["message"]["content"] == HANDBOOK["leave.md"][1] + " [1]"
    assert reply["answer_type"] == "answer"
    assert reply["cached"] == "none"
    assert set(reply["timings_ms"]) == {"retrieve", "generate", "total"}
    assert set(reply["citations"][0]) == {
        "id", "source", "title", "heading", "quote", "score", "also_in", "page"
    }  # fmt: skip
    assert reply["citations"][0]["quote"] == HANDBOOK["leave.md"][1]
    assert len(reply["interaction_id"]) == 36


def test_a_declined_question_has_an_empty_list_of_citations(standing: Standing) -> None:
    reply = standing.ask("Tallest mountain?").json()
    assert reply["answer_type"] == "off_topic"
    assert reply["citations"] == []


def test_a_stream_holds_the_same_answer_in_pieces_and_ends_with_our_fields(standing: Standing) -> None:
    whole = standing.ask("How many days of leave?").json()
    events = events_of(standing.ask("How many days of leave in a year?", stream=True))
    assert events.pop() == "[DONE]"
    assert {event["object"] for event in events} == {"chat.completion.chunk"}
    assert len({event["id"] for event in events}) == 1
    text = "".join(event["choices"][0]["delta"].get("content", "") for event in events)
    assert text == whole["choices"][0]["message"]["content"]
    assert [event["choices"][0]["finish_reason"] for event in events] == [None, None, None, "stop"]
    assert events[-1]["citations"][0]["quote"] == whole["citations"][0]["quote"]
    for name in ("usage", "answer_type"):
        assert events[-1][name] == whole[name]
        assert name not in events[0]


def test_a_fault_in_mid_stream_is_an_error_event_without_done(standing: Standing) -> None:
    standing.inhouse.fault_in_stream = ModelError("The model went away.")
    events = events_of(standing.ask("How many days of leave?", stream=True))
    assert events[-1] == {
        "error": {
            "message": "The model went away.",
            "type": "service_unavailable_error",
            "code": "model_error",
        }
    }
    assert "[DONE]" not in events


def test_an_unexpected_fault_in_mid_stream_tells_nothing_of_its_inside(standing: Standing) -> None:
    standing.inhouse.fault_in_stream = RuntimeError("secret detail")
    events = events_of(standing.ask("How many days of leave?", stream=True))
    assert events[-1]["error"]["code"] == "internal_error"
    assert "secret" not in json.dumps(events)


@pytest.mark.parametrize("stream", [False, True])
def test_an_empty_question_is_400(standing: Standing, stream: bool) -> None:
    response = standing.ask("  ", stream=stream)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "empty_question")


@pytest.mark.parametrize("stream", [False, True])
def test_a_question_over_the_limit_is_422(standing: Standing, stream: bool) -> None:
    response = standing.ask("long " * 1000, stream=stream)
    assert (response.status_code, response.json()["error"]["code"]) == (422, "question_too_long")


@pytest.mark.parametrize("stream", [False, True])
def test_before_anything_is_indexed_chat_says_what_to_do(standing: Standing, stream: bool) -> None:
    standing.inhouse.index = StandInIndex(files={}, version=0)
    response = standing.ask("How many days of leave?", stream=stream)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "index_empty")
    assert "inhouse reindex" in response.json()["error"]["message"]


def test_an_unknown_model_is_404(standing: Standing) -> None:
    response = standing.ask("How many days of leave?", model="gpt-9")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "unknown_model")
    assert "gpt-9" in response.json()["error"]["message"]


def test_every_listed_model_answers(standing: Standing) -> None:
    listed = standing.client.get("/v1/models").json()
    assert listed["object"] == "list"
    names = [row["id"] for row in listed["data"]]
    assert names == ["inhouse", "reader@shipped", "inhouse:base", "inhouse:tuned"]
    assert [standing.ask("leave?", model=name).status_code for name in names] == [200] * 4


def test_the_last_user_message_is_the_question_and_what_was_said_before_is_history(
    standing: Standing,
) -> None:
    messages = [
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Tell me"}, {"type": "text", "text": "about leave"}],
        },
        {"role": "assistant", "content": "Gladly.", "tool_calls": []},
        {"role": "assistant", "content": None},
        {"role": "user", "content": "How many days?"},
    ]
    assert standing.client.post("/v1/chat/completions", json={"messages": messages}).status_code == 200
    question, history, _ = standing.inhouse.asked[0]
    assert question == "How many days?"
    assert history == (Message("user", "Tell me\nabout leave"), Message("assistant", "Gladly."))


def test_decoding_parameters_reach_the_generator(standing: Standing) -> None:
    standing.ask("leave?", max_tokens=9, temperature=0.5, top_p=0.9, stop="\n", user="u", frequency_penalty=1)
    standing.ask("leave days?")
    assert standing.inhouse.asked[0][2] == Decoding(max_tokens=9, temperature=0.5, top_p=0.9, stop=("\n",))
    assert standing.inhouse.asked[1][2] == Decoding()


USER = {"role": "user", "content": "leave?"}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "leave?"}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages.0.content"),
        ({"messages": [USER, {"role": "assistant", "content": "x"}]}, "last message"),
        ({"messages": [{"role": "system", "content": "x"}]}, "last message"),
        ({"messages": [USER], "temperature": 9}, "temperature"),
        ({"messages": [USER], "max_tokens": 0}, "max_tokens"),
        ({"messages": [USER], "n": 2}, "n"),
        ({"messages": [USER], "tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"messages": [USER], "functions": [{"name": "f"}]}, "functions"),
        ({"messages": [USER], "tool_choice": "required"}, "tool_choice"),
        ({"messages": [USER], "logprobs": True}, "logprobs"),
        ({"messages": [USER], "logit_bias": {"5": -100}}, "logit_bias"),
        ({"messages": [USER], "modalities": ["text", "audio"]}, "modalities"),
        ({"messages": [USER], "audio": {"voice": "a", "format": "wav"}}, "audio"),
        ({"messages": [USER], "response_format": {"type": "json_object"}}, "response_format"),
        ({"messages": [USER], "web_search_options": {}}, "web_search_options"),
        ([1], "valid dictionary"),
    ],
)
def test_wrong_fields_are_422_and_named(standing: Standing, body: Any, word: str) -> None:
    response = standing.client.post("/v1/chat/completions", json=body)
    assert response.status_code == 422
    error = response.json()["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_request")
    assert word in error["message"]


def test_what_asks_for_nothing_special_is_accepted(standing: Standing) -> None:
    harmless = {
        "n": 1, "tools": None, "tool_choice": "none", "logprobs": False, "modalities": ["text"], "seed": 7,
        "response_format": {"type": "text"}, "frequency_penalty": 0.5, "metadata": {"a": "b"},
    }  # fmt: skip
    assert standing.ask("How many days of leave?", **harmless).status_code == 200


@pytest.mark.parametrize("body", [b'{"messages": [', b"", b"\xff\xfe{}", b"[" * 100_000])
def test_malformed_json_is_4xx_in_the_error_shape(standing: Standing, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = standing.client.post("/v1/chat/completions", content=body, headers=headers)
    assert response.status_code == (422 if body == b"" else 400)
    assert set(response.json()["error"]) == {"message", "type", "code"}


def test_malformed_json_says_where(standing: Standing) -> None:
    headers = {"Content-Type": "application/json"}
    response = standing.client.post("/v1/chat/completions", content=b'{"messages": [,]}', headers=headers)
    assert response.json()["error"]["code"] == "invalid_json"
    assert "character 14" in response.json()["error"]["message"]


def test_a_form_is_told_to_be_json(standing: Standing) -> None:
    response = standing.client.post("/v1/chat/completions", data={"messages": "x"})
    assert response.status_code == 422
    assert "application/json" in response.json()["error"]["message"]


def test_half_a_surrogate_pair_is_refused_and_breaks_nothing(standing: Standing) -> None:
    headers = {"Content-Type": "application/json"}
    body = b'{"messages": [{"role": "user", "content": "\\ud800 leave"}]}'
    assert standing.client.post("/v1/chat/completions", content=body, headers=headers).status_code == 422
