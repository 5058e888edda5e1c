"""Row labels that are ranges (`5 to 9`, `up to €500`, `15 or more`): what somebody in it would name."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

_CURRENCY = r"€|\$|£|EUR|USD|GBP"
_NUMBER = rf"(?P<{{0}}cur>{_CURRENCY})?\s*(?P<{{0}}num>\d[\d,.]*)"
_LOW, _HIGH = _NUMBER.format("low"), _NUMBER.format("high")
_TAIL = r"\s*(?P<unit>%|€|EUR|years?|months?|days?|weeks?|hours?|people)?"
_BETWEEN = re.compile(rf"^(?:from |between )?{_LOW}\s*(?:to|and|-|–|—|up to)\s*{_HIGH}{_TAIL}$", re.I)
_ABOVE = re.compile(
    rf"^(?:above|over|more than|from|at least|>=?|≥)\s*{_LOW}{_TAIL}$|"
    rf"^{_NUMBER.format('from')}{_TAIL.replace('unit', 'unit2')}\s*"
    rf"(?:or more|and more|and above|or above|and over|or over|\+)$",
    re.I,
)
_BELOW = re.compile(rf"^(?:up to|below|under|less than|at most|until|<=?|≤)\s*{_HIGH}{_TAIL}$", re.I)


@dataclass(frozen=True, slots=True)
class Value:
    """A number with what stands before and after it: `€` 800, or 7 `years`."""

    number: int
    currency: str = ""
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.currency}{self.number}" if self.currency else f"{self.number} {self.unit}".strip()


def value_within(label: str, rng: random.Random) -> Value | None:
    """A whole number inside the range, not its bounds where there is room; None where it is no range."""
    text = label.strip()
    if match := _BETWEEN.match(text):
        low, high = _number(match["lownum"]), _number(match["highnum"])
        return _value(low, high, match["lowcur"] or match["highcur"], match["unit"], rng)
    if match := _ABOVE.match(text):
        low = _number(match["lownum"] or match["fromnum"])
        currency = match["lowcur"] or match["fromcur"]
        return _value(low, low * 1.6 + 3, currency, match["unit"] or match["unit2"], rng)
    if match := _BELOW.match(text):
        high = _number(match["highnum"])
        return _value(high * 0.3, high, match["highcur"], match["unit"], rng)
    return None


def _number(text: str) -> float:
    bare = text.strip(".,")
    return float(re.sub(r"[.,](?=\d{3}\b)", "", bare).replace(",", "."))


def _value(
    low: float, high: float, currency: str | None, unit: str | None, rng: random.Random
) -> Value | None:
    if high <= low:
        return None
    number = low + (high - low) * rng.uniform(0.2, 0.8)
    step = 10 ** max(0, len(str(int(high - low))) - 2)
    rounded = int(round(number / step) * step)
    inside = rounded if low < rounded < high else int(number)
    return Value(max(inside, int(low)), currency or "", unit or "")
