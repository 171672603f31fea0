"""Numbers, token counts, costs and durations written as text -> numbers. What may mean two numbers is refused."""

from __future__ import annotations

import math
import re
from typing import Any

from flywheel_pipeline.steps.capture.formats.times import UnreadableError


class UnknownUnitError(UnreadableError):
    """A number that has no unit; the message says what it may be."""


ABSENT = frozenset(("", "-", "--", "n/a", "na", "nan", "none", "null", "nil", "<na>", "#n/a", "unknown"))
"""Texts, in lower case, that mean no value."""
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_GROUPED = re.compile(r"([1-9]\d{0,2})(?:([,.' ])\d{3})(?:\2\d{3})*(?:([.,])(\d+))?")
_DECIMAL_COMMA = re.compile(r"(\d+),(\d+)")
_DOLLARS = re.compile(r"(?i)^(?:us\$|usd|us dollars?|\$)\s*|\s*(?:usd|us\$|us dollars?|\$)$")
_UNITS = {
    "ns": 1e-6, "us": 1e-3, "µs": 1e-3, "μs": 1e-3, "ms": 1, "msec": 1, "milliseconds": 1, "millis": 1, "s": 1e3,
    "sec": 1e3, "secs": 1e3, "second": 1e3, "seconds": 1e3, "m": 6e4, "min": 6e4, "minutes": 6e4,
}  # fmt: skip
_DURATION = re.compile(r"(.*\d)\s*([a-zA-Zµμ]+)")
_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d(?:\.\d+)?)")


def number_in(value: Any) -> float | None:
    """Return a number of at least 0, also from text with thousands marks (`1,234`, `1 234.5`) or a decimal comma.

    None where there is none.

    Raises:
        UnreadableError: it is something else, or negative.
    """
    found = _number(value, thousands=True)
    if found is not None and not 0 <= found <= 1e300:
        raise UnreadableError(f"{_excerpt(value)} is not a number of at least 0")
    return found


def count_in(value: Any) -> int | None:
    """Return a whole number of at least 0; `1.234` is 1234, since nothing is counted in fractions.

    Raises:
        UnreadableError: it is something else, or may be another number: `1.000`.
    """
    text = str(value).strip()
    if isinstance(value, str) and re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", text):
        if text.endswith(".000"):
            raise UnreadableError(f"{_excerpt(value)} may be {text[:-4]} or {text.replace('.', '')}")
        return int(text.replace(".", ""))
    found = number_in(value)
    if found is not None and (found != int(found) or found >= 2**62):
        raise UnreadableError(f"{_excerpt(value)} is not a whole number")
    return None if found is None else int(found)


def cost_in(value: Any) -> float | None:
    """Return an amount of US dollars, also from text such as `$0.0012`.

    Raises:
        UnreadableError: it is something else, of another currency, or may be another amount: `1,234`.
    """
    text = _DOLLARS.sub("", value.strip()) if isinstance(value, str) else value
    try:
        found = _number(text, thousands=False)
    except UnreadableError:
        raise UnreadableError(f"{_excerpt(value)} is not an amount of US dollars") from None
    if found is not None and not 0 <= found <= 1e300:
        raise UnreadableError(f"{_excerpt(value)} is not an amount of at least 0")
    return found


def milliseconds_in(value: Any, unit: float | None = 1) -> float | None:
    """Return a duration in milliseconds; `unit` is how many a number without a unit means, None if that is unknown.

    Raises:
        UnknownUnitError: it is a number, and its unit is unknown.
        UnreadableError: it is no duration.
    """
    text = value.strip() if isinstance(value, str) else ""
    if clock := _CLOCK.fullmatch(text):
        return (int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])) * 1000
    named = _DURATION.fullmatch(text)
    if named:
        factor = _UNITS.get(named[2] if named[2] in _UNITS else named[2].lower())
        number = number_in(named[1]) if factor else None
        if number is None or factor is None:
            raise UnreadableError(f"{_excerpt(value)} is not a duration")
        return number * factor
    number = number_in(value)
    if number is not None and unit is None:
        raise UnknownUnitError(f"{_excerpt(value)} may be seconds or milliseconds")
    return None if number is None or unit is None else number * unit


def _number(value: Any, thousands: bool) -> float | None:
    """Return a number of any sign; with `thousands`, one mark before three digits divides thousands."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if not isinstance(value, str):
        return _float(value)
    text = re.sub(r"[\u00a0\u202f\u2009 ]+", " ", value.strip()).replace("\u2019", "'")
    if text.lower() in ABSENT:
        return None
    if _PLAIN.fullmatch(text):
        return _float(text)
    grouped = _GROUPED.fullmatch(text)
    if grouped and grouped[3] != grouped[2]:
        is_one_mark = grouped[3] is None and len(re.findall(r"[,.]", text)) == 1
        if is_one_mark and not thousands:
            raise UnreadableError(f"{_excerpt(value)} may be {text.replace(',', '')} or {text.replace(',', '.')}")
        whole = re.sub(r"\D", "", text if grouped[3] is None else text[: grouped.start(3)])
        return _float(f"{whole}.{grouped[4] or 0}")
    if comma := _DECIMAL_COMMA.fullmatch(text):
        return _float(f"{comma[1]}.{comma[2]}")
    raise UnreadableError(f"{_excerpt(value)} is not a number")


def _float(value: Any) -> float:
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except OverflowError:
        found = math.inf
    except (TypeError, ValueError):
        found = math.nan
    if math.isnan(found):
        raise UnreadableError(f"{_excerpt(value)} is not a number")
    if not math.isfinite(found):
        raise UnreadableError(f"{_excerpt(value)} is too large for a number")
    return found


def _excerpt(value: Any) -> str:
    return repr(str(value)[:40])
