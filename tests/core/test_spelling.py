from __future__ import annotations

import pytest

from core.spelling import mended
from tests.fakes import FakeVocabulary

TEXTS = ["maternity leave at Quellmark", "leave for maternity", "Quellmark gates", "maternal care", "babyish"]
ENGLISH = {"what", "about", "leaf", "babysitter", "when"}


def mend(question: str, texts: list[str] = TEXTS) -> str:
    return mended(question, FakeVocabulary(texts), ENGLISH.__contains__)


@pytest.mark.parametrize("slip", ["maternty", "materniity", "mateBnity", "matenrity", "mternityy"])
def test_a_slip_is_mended_by_a_word_of_the_documents(slip: str) -> None:
    assert mend(f"what about {slip} leave?") == "what about maternity leave?"


def test_names_are_mended_too() -> None:
    assert mend("When do Quelmark gates open?") == "When do quellmark gates open?"


@pytest.mark.parametrize(
    "word", ["babysitter", "leaf", "leave", "gat", "zzzzzz", "ERR4711", "babyis", "mxtxrnxty", "Maternity"]
)
def test_other_words_stay_as_they_are(word: str) -> None:
    assert mend(f"{word}?") == f"{word}?"


@pytest.mark.parametrize("word", ["joiner", "joiners", "coder", "planner", "careless"])
def test_a_known_word_with_a_usual_ending_is_no_slip(word: str) -> None:
    texts = ["joined codes planned carpets", "joined codes planned carpets"]
    known = {"join", "code", "plan", "care"}
    assert mended(word, FakeVocabulary(texts), known.__contains__) == word


def test_a_word_that_the_asker_may_see_once_at_most_mends_nothing() -> None:
    class Others(FakeVocabulary):
        def beginning(self, prefix: str) -> list[tuple[str, int]]:
            return [("maternity", 7), *super().beginning(prefix)]

    assert mended("maternty", Others(["maternity"]), ENGLISH.__contains__) == "maternty"
    assert mended("maternty", Others(["maternity", "maternity"]), ENGLISH.__contains__) == "maternity"


def test_the_word_of_more_documents_is_preferred() -> None:
    texts = ["rate rate", "rates of pay", "rates again", "dates", "dates", "rater", "rater", "rates"]
    assert mend("ratess", texts) == "rates"
