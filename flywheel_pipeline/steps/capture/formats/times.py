"""Times as the world writes them -> naive UTC. A time that may mean two moments is refused, never guessed."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any


class UnreadableError(Exception):
    """This record cannot become a trace; the message says why."""


_KNOWN = "ISO 8601, RFC 2822, or a Unix time"
_ISO = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:(?:[T_ ]|, )\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?)?\s*"
    r"(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?(?:\s*\(?(?:UTC|GMT|Z)\)?)?",
    re.IGNORECASE,
)
_COMPACT = re.compile(
    r"((?:19|20)\d{2})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})(?:[.,](\d+))?\s*(Z|[+-]\d{2}:?\d{2})?)?"
)
_NUMERIC = re.compile(
    r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:,?[T ]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*(am|pm)?)?"
    r"\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_NAMED = ("%b %d %Y", "%B %d %Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d/%b/%Y")
_CLOCKS = ("%H:%M:%S.%f", "%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
_CTIME = re.compile(
    r"(?:[A-Za-z]{3}\s+)?([A-Za-z]{3})\s+(\d{1,2})\s+(\d{1,2}:\d{2}:\d{2})\s+(?:(?:UTC|GMT)\s+)?(\d{4})"
)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_OFFSET = re.compile(r"\s*(Z|UTC|GMT|(?:UTC|GMT)?[+-]\d{2}:?\d{2})$", re.IGNORECASE)
_MAX = 100


def utc(value: Any) -> datetime:
    """Return a time as naive UTC.

    Read are ISO 8601 and its everyday variants (`2026-09-01 10:00:00 UTC`), RFC 2822, seconds, milliseconds,
    microseconds and nanoseconds since 1970, `20260901T100000Z`, dates with the name of the month, and dates in the
    European (`31.12.2026`, `31/12/2026`) and American order (`12/31/2026`). A time without an offset is UTC.

    Raises:
        UnreadableError: it is none of these, or may be two days: `09/01/2026`.
    """
    try:
        if isinstance(value, str) and (quick := _iso(value)) is not None:
            moment = quick
        elif isinstance(value, datetime):
            moment = value
        elif isinstance(value, str):
            moment = _of_text(" ".join(value[:_MAX].split()))
        else:
            moment = _of_number(float(value))
        return moment.astimezone(timezone.utc).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, TypeError, OverflowError, OSError, IndexError):
        raise UnreadableError(f"{str(value)[:40]!r} is not a time ({_KNOWN})") from None


def _iso(text: str) -> datetime | None:
    """Return a time in the form that most files have, which Python reads itself; None for any other."""
    if len(text) < 19 or text[4] != "-" or text[7] != "-":
        return None
    try:
        return datetime.fromisoformat(text[:-1] if text[-1] == "Z" else text)
    except ValueError:
        return None


def _of_number(seconds: float) -> datetime:
    while 1e11 < seconds < 1e30:
        seconds /= 1000
    return datetime.fromtimestamp(seconds, timezone.utc)


def _of_text(text: str) -> datetime:
    if found := _ISO.fullmatch(text):
        return _made(*found.groups())
    if found := _COMPACT.fullmatch(text):  # no Unix time of this century has 8 or 14 digits
        return _made(*found.groups())
    if _NUMBER.fullmatch(text):
        return _of_number(float(text))
    if found := _NUMERIC.fullmatch(text):
        return _of_numeric(found)
    if found := _CTIME.fullmatch(text):
        return datetime.strptime(" ".join(found.groups()), "%b %d %H:%M:%S %Y")
    if (moment := _of_named(text)) is not None:
        return moment
    return _of_rfc_2822(text)


def _made(*parts: str | None) -> datetime:
    """Return the time of year, month, day, hour, minute, second, fraction of a second and offset."""
    *whole, fraction, offset = parts
    year, month, day, hour, minute, second = (int(part or 0) for part in whole)
    micros = int(f"{(fraction or '0')[:6]:0<6}")
    return datetime(year, month, day, hour, minute, second, micros, tzinfo=_zone(offset))


def _zone(offset: str | None) -> timezone:
    """Return the zone of an offset; without one it is UTC."""
    digits = re.sub(r"[^0-9+-]", "", offset or "")
    if not digits:
        return timezone.utc
    zone = datetime.strptime(digits if len(digits) == 5 else f"{digits}00", "%z").tzinfo
    return zone if isinstance(zone, timezone) else timezone.utc


def _of_numeric(found: re.Match[str]) -> datetime:
    """Return a date of which two numbers may be the month.

    Raises:
        UnreadableError: either may be.
    """
    first, mark, second, year, hour, minute, seconds, fraction, half, offset = found.groups()
    is_european = mark == "." or int(first) > 12
    if not is_european and int(second) <= 12 and int(first) != int(second):
        raise UnreadableError(f"{found[0][:40]!r} may be two days, day first or month first: export times as ISO 8601")
    day, month = (first, second) if is_european else (second, first)
    if half is not None and hour is not None:
        if not 1 <= int(hour) <= 12:
            raise ValueError(hour)
        hour = str(int(hour) % 12 + 12 * (half.lower() == "pm"))
    return _made(year, month, day, hour, minute, seconds, fraction, offset)


def _of_named(text: str) -> datetime | None:
    """Return a date with the name of its month, perhaps with a time behind it; None if it is none."""
    offset = _OFFSET.search(text)
    bare = text[: offset.start()] if offset else text
    bare = " ".join(
        re.sub(r"(?i)^[a-z]{3,9}day,? |^(?:mon|tue|wed|thu|fri|sat|sun),? ", "", bare).replace(",", " ").split()
    )
    bare = re.sub(r"(?i) at |(?<=\d{4}):(?=\d)", " ", bare)
    for date in _NAMED:
        for clock in ("", *_CLOCKS):
            try:
                moment = datetime.strptime(bare, f"{date} {clock}".strip())
            except ValueError:
                continue
            return moment.replace(tzinfo=_zone(offset[1] if offset else None))
    return None


def _of_rfc_2822(text: str) -> datetime:
    """Return a time in the form of mail headers; the letters of military zones and unknown names mean no zone there."""
    if not re.search(r"(?:[+-]\d{4}|GMT|UTC?|EST|EDT|CST|CDT|MST|MDT|PST|PDT)(?: \(\w+\))?$", text):
        raise ValueError(text)
    return parsedate_to_datetime(text)
