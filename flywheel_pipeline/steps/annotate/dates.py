"""When a verdict was given: ISO 8601, and the dates of spreadsheets, whose order is read from the whole column."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

from flywheel_pipeline.steps.annotate.words import plain_text

DAY_FIRST, MONTH_FIRST = "day first", "month first"

_SLASHED = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?:,?[ t]+(.*))?")
_YEAR_FIRST = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})(?:,?[ t]+(.*))?")
_NAMED = re.compile(
    r"(?:(\d{1,2})[ .-]+([a-z]{3,9})\.?|([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?),?[ -](\d{4})(?:,?[ t]+(.*))?"
)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?\s*([ap])?\.?m?\.?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SERIAL = (20_000, 80_000)
"""Days since 1899-12-30 that a spreadsheet may mean: 1954 to 2119."""
_EPOCH = (500_000_000, 5_000_000_000)
"""Seconds since 1970 that an export may mean: 1985 to 2128."""


def order_of(values: Iterable[object]) -> str | None:
    """Return whether the day or the month comes first in a column; None where no date decides or some disagree."""
    found = set()
    for value in values:
        match = _SLASHED.fullmatch(plain_text(value))
        if match and match[2] != ".":
            first, second = int(match[1]), int(match[3])
            found |= {DAY_FIRST} if 12 < first <= 31 and second <= 12 else set()
            found |= {MONTH_FIRST} if 12 < second <= 31 and first <= 12 else set()
    return found.pop() if len(found) == 1 else None


def read_date(value: object, order: str | None = None) -> datetime | None:
    """Return the moment that a cell states in UTC (a time without a zone is taken as UTC), None where none is certain.

    `order` decides dates such as 03/04/2026 (see `order_of`); without it they are ambiguous.
    """
    text = plain_text(value)
    try:
        return _iso(text) or _numeric(text) or _written(text, order)
    except (ValueError, OverflowError):
        return None


def _iso(text: str) -> datetime | None:
    text = re.sub(r"^(\d{4})(\d{2})(\d{2})(?=$|t)", r"\1-\2-\3", text)
    if not re.match(r"\d{4}-\d{2}-\d{2}(\D|$)", text):
        return None
    shape = re.sub(r"([.,]\d{6})\d+", r"\1", text.upper().removesuffix(" UTC")).replace(",", ".")
    padded = re.sub(r"\.(\d{1,6})(?=\D|$)", lambda m: "." + m[1].ljust(6, "0"), shape)
    zoned = re.sub(r"([+-]\d{2})(\d{2})$", r"\1:\2", padded.replace("Z", "+00:00").strip())
    moment = datetime.fromisoformat(zoned)
    return moment.astimezone(timezone.utc).replace(tzinfo=None) if moment.tzinfo else moment


def _numeric(text: str) -> datetime | None:
    if not re.fullmatch(r"\d{5,13}(\.\d{1,15})?", text):
        return None
    number = float(text)
    if _SERIAL[0] <= number <= _SERIAL[1]:
        return (datetime(1899, 12, 30) + timedelta(seconds=round(number * 86_400))).replace(microsecond=0)
    seconds = number / 1000 if number > _EPOCH[1] else number
    return datetime(1970, 1, 1) + timedelta(seconds=seconds) if _EPOCH[0] <= seconds <= _EPOCH[1] else None


def _written(text: str, order: str | None) -> datetime | None:
    if match := _YEAR_FIRST.fullmatch(text):
        return _moment(match[1], match[2], match[3], match[4])
    if match := _NAMED.fullmatch(text):
        month = (match[2] or match[3])[:3]
        return _moment(match[5], _MONTHS.index(month) + 1, match[1] or match[4], match[6]) if month in _MONTHS else None
    match = _SLASHED.fullmatch(text)
    if not match:
        return None
    first, second = int(match[1]), int(match[3])
    year = match[4] if len(match[4]) == 4 else f"20{match[4]}"
    own = DAY_FIRST if match[2] == "." or first > 12 else MONTH_FIRST if second > 12 else order
    if own is None and first != second:
        return None
    day, month_number = (first, second) if own != MONTH_FIRST else (second, first)
    return _moment(year, month_number, day, match[5])


def _moment(year: int | str, month: int | str, day: int | str, clock: str | None) -> datetime | None:
    date = datetime(int(year), int(month), int(day))
    if not clock:
        return date
    found = _CLOCK.fullmatch(clock.strip())
    if not found:
        return None
    hour = int(found[1])
    if found[4]:
        hour = hour % 12 + (12 if found[4] == "p" else 0)
    return date.replace(hour=hour, minute=int(found[2]), second=int(found[3] or 0))
