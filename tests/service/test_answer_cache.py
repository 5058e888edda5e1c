"""What the answer cache shares between questions, callers and processes, seen through HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from core.bootstrap import Inhouse
from core.interfaces import Decoding
from core.settings import CacheSettings, ServiceSettings, Settings
from core.types import Filters, Labels, Message
from service.answer_keys import AnswerKeys
from service.background import BackgroundWriter
from service.caching import MemoryCache
from service.conversing import Question
from service.interactions import Row
from service.likeness import Sense, sense_of
from service.neighbours import Neighbours
from tests.fakes import FakeEmbedder
from tests.service.conftest import HANDBOOK, Standing, StandInIndex, StandInInhouse

ASKED = "How many days of paid leave do I get a year?"
SAME = "How many days of paid leave do I get per year?"


def shares(standing: Standing, question: str, **fields: Any) -> tuple[str, str | None]:
    reply = standing.ask(question, **fields).json()
    return reply["cached"], reply["cached_question"]


def test_a_question_in_other_words_gets_the_answer_and_is_told_whose(standing: Standing) -> None:
    first = standing.ask(ASKED).json()
    second = standing.ask(SAME).json()
    assert (second["cached"], second["cached_question"]) == ("semantic", ASKED)
    assert second["citations"] == first["citations"]
    assert first["cached_question"] is None
    assert len(standing.inhouse.asked) == 1


def test_a_stream_names_the_question_too(standing: Standing) -> None:
    standing.ask(ASKED)
    events = standing.ask(SAME, stream=True).text
    assert '"cached": "semantic"' in events
    assert f'"cached_question": "{ASKED}"' in events


@pytest.mark.parametrize(
    "other",
    ["How many days of unpaid leave do I get a year?", "How many days of paid leave do I get a month?"],
)
def test_a_near_miss_is_computed(standing: Standing, other: str) -> None:
    standing.ask(ASKED)
    assert shares(standing, other) == ("none", None)


def test_a_question_that_needs_its_history_shares_nothing(standing: Standing) -> None:
    standing.ask(ASKED)
    messages = [
        {"role": "user", "content": "What about interns?"},
        {"role": "assistant", "content": "They are employees."},
        {"role": "user", "content": "And how many days of paid leave do they get per year?"},
    ]
    reply = standing.client.post("/v1/chat/completions", json={"messages": messages}).json()
    assert reply["cached"] == "none"


def test_a_question_that_stands_alone_is_found_whatever_was_said_before(standing: Standing) -> None:
    standing.ask(ASKED)
    messages = [{"role": "user", "content": "Hello"}, {"role": "user", "content": ASKED}]
    reply = standing.client.post("/v1/chat/completions", json={"messages": messages}).json()
    assert reply["cached"] == "exact"


def test_a_decline_is_not_shared_with_other_words(standing: Standing) -> None:
    assert standing.ask("Who won football yesterday evening?").json()["answer_type"] == "off_topic"
    assert shares(standing, "Who won the football yesterday evening?") == ("none", None)


def test_another_index_or_adapter_or_filter_shares_nothing(standing: Standing) -> None:
    standing.ask(ASKED)
    assert shares(standing, SAME, filters={"collection": "hr"}) == ("none", None)
    standing.inhouse.adapter = "tuned"
    assert shares(standing, SAME) == ("none", None)
    standing.inhouse.adapter = "shipped"
    standing.inhouse.index.change(**{"it/vpn.md": HANDBOOK["it/vpn.md"]})
    assert shares(standing, SAME) == ("none", None)


def test_it_can_be_switched_off(stand: Callable[..., Standing], settings: Settings) -> None:
    service = ServiceSettings(cache=CacheSettings(semantic=False))
    standing = stand(settings.model_copy(update={"service": service}))
    standing.ask(ASKED)
    assert shares(standing, SAME) == ("none", None)


def test_processes_share_through_the_store(stand: Callable[..., Standing], settings: Settings) -> None:
    one, other = stand(settings), stand(settings)  # the SQLite file under the same data folder
    one.ask(ASKED)
    assert shares(other, ASKED) == ("exact", None)
    assert shares(other, SAME) == ("semantic", ASKED)
    assert other.inhouse.asked == []


def test_counts_tell_hits_from_misses(standing: Standing) -> None:
    for question in (ASKED, ASKED, SAME, "Which gateway does the VPN have?"):
        standing.ask(question)
    counts = standing.app.state.conversing.answers.counts
    assert (counts.exact, counts.semantic, counts.missed, counts.shared) == (1, 1, 2, 0)


@pytest.mark.parametrize("stream", [False, True])
def test_questions_that_come_together_are_computed_once(standing: Standing, stream: bool) -> None:
    gate = standing.inhouse.gate = threading.Event()
    counts = standing.app.state.conversing.answers
    with ThreadPoolExecutor(6) as pool:
        replies = [pool.submit(standing.ask, ASKED, stream=stream) for _ in range(6)]
        for _ in range(1000):
            if counts._flights.joined == 5:
                break
            gate.wait(0.01)
        gate.set()
        texts = [reply.result(20).text for reply in replies]
    assert len(standing.inhouse.asked) == 1
    assert all("Everyone" in text and "28 days" in text.replace('"', "") for text in texts)
    assert sum('"none"' in text for text in texts) == 1


def test_a_fault_is_not_shared_as_an_answer(standing: Standing) -> None:
    gate = standing.inhouse.gate = threading.Event()
    standing.inhouse.fault = RuntimeError("once")
    with ThreadPoolExecutor(3) as pool:
        replies = [pool.submit(standing.ask, ASKED) for _ in range(3)]
        gate.set()
        assert {reply.result(20).status_code for reply in replies} == {500}
    standing.inhouse.fault = None
    assert standing.ask(ASKED).json()["cached"] == "none"


def test_cached_answers_are_logged_by_the_end_and_can_be_rated_at_once(
    stand: Callable[..., Standing], settings: Settings
) -> None:
    standing = stand(settings)
    standing.ask(ASKED)
    reply = standing.ask(ASKED).json()
    assert reply["cached"] == "exact"
    body = {"interaction_id": reply["interaction_id"], "rating": 1}
    assert standing.client.post("/v1/feedback", json=body).status_code == 200
    later: BackgroundWriter[Row] = standing.app.state.conversing.later
    assert later.written == 1


def test_groups_that_no_document_is_meant_for_make_no_other_key(standing: Standing) -> None:
    keys, index = AnswerKeys(), standing.inhouse.index

    def key(*groups: str) -> str:
        question = Question(ASKED, filters=Filters(groups=groups))
        return keys.of(standing.inhouse, question).exact  # type: ignore[arg-type]

    assert key("sales") == key() == key("sales", "it")
    documents = index.documents()
    documents[0].labels = Labels(groups=("board",))
    index.documents = lambda: documents  # type: ignore[method-assign]
    index.version += 1
    assert key("sales") == key() != key("board")
    assert key("board", "sales") == key("sales", "board") == key("board")


def test_neighbours_hold_no_more_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.neighbours._MAX_ENTRIES", 10)
    neighbours = Neighbours(MemoryCache(), similarity=0.8)
    for number in range(30):
        question = f"What is rule {number}?"
        neighbours.add("space", question, str(number), FakeEmbedder().embed([question])[0], 60)
    last = "what's rule 29"
    (found,) = neighbours.find("generation", "space", last, FakeEmbedder().embed(["What is rule 29?"])[0])
    assert found.key == "29"
    assert len(neighbours) == 10


def test_neighbours_of_an_older_generation_are_dropped() -> None:
    neighbours = Neighbours(MemoryCache(), similarity=0.8)
    vector = FakeEmbedder().embed([ASKED])[0]
    neighbours.add("old", ASKED, "key", vector, 60)
    assert len(neighbours.find("one", "old", ASKED, vector)) == 1
    assert neighbours.find("two", "new", ASKED, vector) == []
    assert len(neighbours) == 1  # two models may be asked by turns
    for generation in ("three", "four", "five"):
        assert neighbours.find(generation, "new", ASKED, vector) == []
    assert len(neighbours) == 0


def test_answers_in_memory_are_forgotten_when_their_time_is_over(
    standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing.ask(ASKED)
    memory = standing.app.state.conversing.answers._memory
    assert len(memory._answers) == 1
    later = time.monotonic() + 100
    monkeypatch.setattr("service.answer_cache.time.monotonic", lambda: later)
    assert memory.get("another") is None
    assert len(memory._answers) == 0


def test_neighbours_are_forgotten_when_their_time_is_over() -> None:
    now = 1000.0
    neighbours = Neighbours(MemoryCache(), similarity=0.8, clock=lambda: now)
    vector = FakeEmbedder().embed([ASKED])[0]
    neighbours.add("space", ASKED, "first", vector, 60)
    assert len(neighbours.find("generation", "space", ASKED, vector)) == 1
    now = 1030.0
    neighbours.add("space", SAME, "second", vector, 60)
    assert len(neighbours.find("generation", "space", ASKED, vector)) == 2
    now = 1060.0
    neighbours.find("generation", "other", ASKED, vector)  # whoever asks
    assert len(neighbours) == 1
    assert [found.key for found in neighbours.find("generation", "space", ASKED, vector)] == ["second"]
    now = 1090.0
    assert neighbours.find("generation", "space", ASKED, vector) == []
    assert len(neighbours) == 0


def test_an_entry_that_is_dropped_disturbs_nobody_who_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    neighbours = Neighbours(MemoryCache(), similarity=0.8)
    vector = FakeEmbedder().embed([ASKED])[0]
    questions = [ASKED, "Who is the chef?", SAME]
    for question in questions:
        neighbours.add("space", question, question, vector, 60)
    first, second = neighbours.find("generation", "space", ASKED, vector)

    def dropped_meanwhile(question: str) -> Sense:
        neighbours.drop("generation", "space", first)
        return sense_of(question)

    monkeypatch.setattr("service.neighbours.sense_of", dropped_meanwhile)
    assert {found.key for found in neighbours.find("generation", "space", ASKED, vector)} == {ASKED, SAME}
    assert [found.key for found in neighbours.find("generation", "space", ASKED, vector)] == [second.key]


def test_models_that_are_asked_by_turns_read_the_documents_once(standing: Standing) -> None:
    keys, index = AnswerKeys(), standing.inhouse.index
    other = StandInInhouse(standing.inhouse.settings, index, adapter="tuned")
    reads, documents = [], index.documents
    index.documents = lambda: reads.append(1) or documents()  # type: ignore[method-assign, func-returns-value]
    for _ in range(3):
        for inhouse in (standing.inhouse, other):
            keys.of(inhouse, Question(ASKED))  # type: ignore[arg-type]
    assert len(reads) == 2
    index.change(**HANDBOOK)
    assert keys.at_once(other, other.index.version, Question(ASKED)) is None  # type: ignore[arg-type]


def test_decoding_makes_another_key_only_where_the_generator_heeds_it(standing: Standing) -> None:
    keys, inhouse = AnswerKeys(), standing.inhouse

    def key(temperature: float = 0.0, **heeded: Any) -> str:
        question = Question(ASKED, decoding=Decoding(temperature=temperature, **heeded))
        return keys.of(inhouse, question).exact  # type: ignore[arg-type]

    assert key(0.0) == key(0.9)
    assert len({key(), key(max_tokens=8), key(stop=("a",)), key(stop=("a", "b"))}) == 4
    assert key(stop=("a", "b")) == key(stop=("b", "a"))
    inhouse.settings = inhouse.settings.model_copy(update={"generator": "transformers"})
    assert key(0.0) != key(0.9)


def test_an_assistant_in_the_memory_of_a_freed_one_has_keys_of_its_own(settings: Settings) -> None:
    keys, index = AnswerKeys(), StandInIndex()
    generations, places = set(), set()
    for reader in range(20):
        inhouse = Inhouse(settings)
        inhouse.index = index  # type: ignore[assignment]
        inhouse.generator = SimpleNamespace(id="endpoint@model")  # type: ignore[assignment]
        inhouse.answerer = SimpleNamespace(identity=f"reader {reader}")  # type: ignore[assignment]
        generations.add(keys.of(inhouse, Question(ASKED)).generation)
        places.add(id(inhouse))
        del inhouse
    assert len(places) < 20
    assert len(generations) == 20


def test_a_generating_model_keeps_its_history_in_the_key(standing: Standing) -> None:
    keys, inhouse = AnswerKeys(), standing.inhouse
    inhouse.settings = inhouse.settings.model_copy(update={"generator": "transformers"})
    alone = keys.of(inhouse, Question(ASKED))  # type: ignore[arg-type]
    later = keys.of(inhouse, Question(ASKED, (Message("user", "Hello"),)))  # type: ignore[arg-type]
    assert alone.exact != later.exact
    assert alone.space
    assert not later.space
