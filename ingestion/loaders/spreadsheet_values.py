"""A spreadsheet's values as a person reads them in the sheet: dates, percentages, money, rounded numbers."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

from ingestion.loaders.number_formats import number_shown


def shown(value: object, number_format: str) -> str:
    """The value as text; the empty string where the cell is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number_shown(value, number_format)
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
