"""A spreadsheet's values as a person reads them in the sheet: dates, percentages, money, rounded numbers."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

_CURRENCY = re.compile(r"\[\$([^\]-]+)(?:-[^\]]*)?\]|\"([^\"]*[$€£¥₹₽₩][^\"]*|[A-Z]{3})\"|([$€£¥₹])")
_DIGITS = re.compile(r"[#0?][#0?,]*(?:\.([0#?]+))?")


def shown(value: object, number_format: str) -> str:
    """The value as text; the empty string where the cell is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number(value, number_format)
    if isinstance(value, datetime):
        day = value.date().isoformat()
        return f"{day} {_time(value.time())}" if value.time() != time() else day
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return _time(value)
    if isinstance(value, timedelta):
        return _duration(value)
    return "\n".join(
        line.rstrip() for line in re.sub(r"\r\n?|_x000[dD]_", "\n", str(value)).split("\n")
    ).strip()


def _time(value: time) -> str:
    return value.isoformat("seconds" if value.second else "minutes")


def _duration(value: timedelta) -> str:
    minutes, seconds = divmod(round(value.total_seconds()), 60)
    return f"{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")


def _number(value: float, number_format: str) -> str:
    form = re.sub(r"\\(.)|_.|\*.", lambda match: match.group(1) or "", number_format.split(";")[0])
    currency = _CURRENCY.search(form)
    bare = re.sub(r"\[[^\]]*\]|\"[^\"]*\"", "", form)
    digits = _DIGITS.search(bare)
    if digits is None or "/" in bare or "E" in bare:  # General, text, fractions, powers
        return f"{value:.10g}" if isinstance(value, float) and abs(value) < 1e10 else _whole(value)
    percent = "%" in bare
    decimals = len(digits.group(1) or "")
    text = f"{value * 100 if percent else value:{',' if ',' in digits.group(0) else ''}.{decimals}f}"
    if digits.group(1) and "0" not in digits.group(1):  # 0.## shows no zeros at the end
        text = text.rstrip("0").rstrip(".")
    if percent:
        return f"{text}%"
    return _with_currency(text, currency, digits.start(), bare) if currency else text


def _whole(value: float) -> str:
    return (
        str(int(value))
        if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15)
        else repr(value)
    )


def _with_currency(text: str, currency: re.Match[str], digits_start: int, bare: str) -> str:
    sign = next(group for group in currency.groups() if group).strip()
    before = currency.start() <= digits_start
    gap = " " if sign.isalpha() or not before else ""
    minus = "-" if text.startswith("-") else ""
    return f"{minus}{sign}{gap}{text.removeprefix('-')}" if before else f"{text}{gap}{sign}"
