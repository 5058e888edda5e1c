# ruff: noqa: E501 (patterns are easier to check in one piece)
"""Passages that read as orders to an assistant: instructions inside documents are data, and no answers.

Much narrower than `core.injection`, because handbooks are full of orders to people.
"""

from __future__ import annotations

import re

from core.disguises import revealed
from core.units import Unit

_ORDER = re.compile(
    r"""\b(?:ignore|disregard|forget|override)\ (?:all\ |any\ |the\ |of\ |your\ ){0,3}
        (?:previous|prior|above|earlier|preceding|system|other)\ (?:\w+\ )?(?:instructions?|prompts?|messages?|context)\b
    | <\|\s?\w+\s?\|> | \[/?INST\] | <</?SYS>> | <(?:start|end)_of_turn>
    | (?:^|[.:;!?]\s)(?:system|assistant|user)\s?:\s?(?:you|ignore|sure|always|never|from\ now|tell|say|reply|answer)\b
    | \b(?:dear\ |note\ (?:to|for)\ (?:the\ |any\ )?|attention,?\ |instructions?\ (?:to|for)\ (?:the\ |any\ )?)
        (?:ai|llm|language\ model|chat\ ?bot|assistant|model)s?\b[:,\s]
    | \b(?:ai|llm|language\ model|chat\ ?bot|assistant)s?\ (?:must|should|shall|has\ to|have\ to|will)\s
        (?:now\ |always\ |never\ )*(?:ignore|say|reply|answer|tell|respond|output|reveal|print|claim|pretend|recommend)\b
    | \b(?:when|if|whenever)\ (?:you\ are\ )?(?:asked|answering|summari[sz]ing|someone\ asks|the\ user\ asks)\b
        .{0,80}\b(?:say|reply|answer|respond|output)\ (?:that|with|only|exactly|:|")
    | \byou\ are\ now\ (?:an?|the|in)\b.{0,40}\b(?:assistant|ai|bot|mode|dan|pirate|unrestricted)\b
    | \b(?:reveal|print|repeat|output|show)\ (?:me\ )?(?:your|the)\ (?:system|hidden|secret|initial)\s
        (?:prompt|instructions?|message)
    | \btell\ the\ user\ (?:that|to)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_ACTIVE = re.compile(
    r"""!\[[^\]]{0,200}\]\( | \]\(\s{0,9}(?:https?:|//|data:|javascript:)
    | <\s{0,9}script\b | <\s{0,9}(?:img|iframe|svg|object|embed|link|form|a|video|audio)\s[^<>]{0,300}?
        \b(?:src|href|style|action|on\w{2,20})\s{0,5}=""",
    re.IGNORECASE | re.VERBOSE,
)
_HINT = re.compile(
    r"instruct|prompt|assistant|user|model|\bai\b|\bllm|bot\b|<\||inst\]|sys>>|_turn|answer|asked|asks|are now",
    re.I,
)


def is_order(unit: Unit) -> bool:
    """True where the unit speaks to an assistant, or is code that a page would load or run something by."""
    text = revealed(unit.readable())
    if unit.kind == "code" and active_content(text):
        return True
    return _HINT.search(text) is not None and _ORDER.search(text) is not None


def active_content(text: str) -> bool:
    """True where a page that renders Markdown or HTML would load or run something, or link to the outside."""
    return _ACTIVE.search(text) is not None
