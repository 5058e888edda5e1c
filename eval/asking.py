"""The questions of a file through one arm: several at once, each kept as it comes."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice

from core.errors import IndexUnavailableError, InhouseError, ModelError
from core.progress import Progress, silent
from core.types import QAPair
from eval.arms import Arm
from eval.journal import Asked, Journal
from eval.metrics import Mended, score, score_error
from eval.results import ArmResult
from eval.sharing import Traced

logger = logging.getLogger("inhouse")


@contextmanager
def side_by_side(arms: Sequence[Arm], threads: int) -> Iterator[int]:
    """How many questions are answered at a time inside the block: as many as models find cores.

    A reader computes in small batches, of which more are done in a second by one thread each than by all
    threads together. `threads` is `models.threads`: what it names stays. A model that writes takes its turn
    alone, with all cores.
    """
    import torch

    before = torch.get_num_threads()
    if any(arm.generator for arm in arms):
        yield 1
        return
    if not threads:
        torch.set_num_threads(1)
    try:
        yield max(1, len(os.sched_getaffinity(0)) // torch.get_num_threads())
    finally:
        torch.set_num_threads(before)


def answer_all(
    arm: Arm,
    questions: Sequence[QAPair],
    progress: Progress = silent,
    *,
    journal: Journal | None = None,
    workers: int = 1,
    mended: Mended | None = None,
) -> ArmResult:
    """Every question through one arm, after one that only loads its models. `mended` finds misspelt words.

    What the journal holds is not asked again. A question that raises is an error of that question. Raises
    ModelError where the arm cannot answer at all.
    """
    stage = f"evaluate {arm.name}"
    came = journal.read() if journal else {}
    open_questions = [question for question in questions if question.id not in came]
    progress(stage, len(questions) - len(open_questions), len(questions))
    if open_questions:
        _load(arm)
    for question, asked in _each(lambda question: _ask(arm, question), open_questions, workers):
        came[question.id] = asked
        if journal:
            journal.add(question.id, asked)
        progress(stage, len(came), len(questions))
    results = [came[question.id] for question in questions]
    errors = {
        question.id: asked.error for question, asked in zip(questions, results, strict=True) if asked.error
    }
    if len(errors) == len(questions):
        if journal:
            journal.drop()
        raise ModelError(f"Every question failed, the first with: {next(iter(errors.values()))}")
    samples = tuple(
        score(question, asked.answer, asked.latency_ms, mended)
        if asked.answer
        else score_error(question, asked.latency_ms)
        for question, asked in zip(questions, results, strict=True)
    )
    return ArmResult(arm.name, arm.description, tuple(asked.answer for asked in results), samples, errors)


def _each(
    ask: Callable[[QAPair], Asked], questions: Iterable[QAPair], workers: int
) -> Iterator[tuple[QAPair, Asked]]:
    """As they are answered. Never more than the workers take on, so that a stop is soon."""
    if workers == 1:
        for question in questions:
            yield question, ask(question)
        return
    waiting = iter(questions)
    with ThreadPoolExecutor(workers, thread_name_prefix="evaluate") as pool:
        running: dict[Future[Asked], QAPair] = {
            pool.submit(ask, question): question for question in islice(waiting, workers)
        }
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future.result()
                running |= {pool.submit(ask, question): question for question in islice(waiting, 1)}


def _load(arm: Arm) -> None:
    try:
        arm.answer("What is this about?", ())
    except (ModelError, IndexUnavailableError):
        raise
    except InhouseError as error:
        logger.info("the first question of arm %s was not answered: %s", arm.name, error)


def _ask(arm: Arm, question: QAPair) -> Asked:
    started = time.perf_counter()
    answer, error = None, ""
    try:
        answer = arm.answer(question.question, question.history)
    except IndexUnavailableError:
        raise
    except (
        Exception
    ) as fault:  # one question must not cost the others theirs: it is named and counted as an error
        trace = not isinstance(fault, InhouseError)
        logger.warning("arm %s could not answer question %s", arm.name, question.id, exc_info=trace)
        error = str(fault) or type(fault).__name__
    took_ms = (time.perf_counter() - started) * 1000
    return Asked(answer, error, took_ms + (answer.reused_ms if isinstance(answer, Traced) else 0.0))
