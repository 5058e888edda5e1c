"""The only prompt rendering: templates as files, the same for training, serving and evaluation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from langchain_core.messages import BaseMessage
from langchain_core.prompts import ChatPromptTemplate

from core.models.reader import heading_line
from core.types import Hit, Message
from core.units import plain

NOT_COVERED = "NOT COVERED"
_TEMPLATES = Path(__file__).parent / "templates"


@cache
def _template(name: str) -> tuple[ChatPromptTemplate, str]:
    text = (_TEMPLATES / f"{name}.yaml").read_text(encoding="utf-8")
    row: dict[str, Any] = yaml.safe_load(text)
    prompt = ChatPromptTemplate.from_messages(
        [("system", row["system"]), ("placeholder", "{history}"), ("user", row["user"])]
    )
    return prompt, hashlib.sha256(text.encode()).hexdigest()[:12]


def prompt_hash(name: str = "answer") -> str:
    """Identifies the template's text; part of cache keys and of what is stored with an adapter."""
    return _template(name)[1]


def render_answer(
    question: str, hits: Sequence[Hit], history: Sequence[Message], purpose: str, max_passage_words: int = 220
) -> list[BaseMessage]:
    """The messages that ask a generating model to answer from the hits."""
    passages = "\n".join(
        f"[{number}] {heading_line(hit.chunk.title, hit.chunk.headings)}: "
        + " ".join(plain(hit.chunk.text).split()[:max_passage_words])
        for number, hit in enumerate(hits, 1)
    )
    turns = [(message.role, message.content) for message in history if message.role != "system"]
    prompt = _template("answer")[0]
    return prompt.format_messages(history=turns, purpose=purpose, passages=passages, question=question)
