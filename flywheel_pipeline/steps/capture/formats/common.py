"""What all trace formats share: where a record came from, times, and conversations."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, TypeAlias

from flywheel_pipeline.prompting import text_of
from flywheel_pipeline.records import Feedback, RawTrace
from flywheel_pipeline.steps.capture.spans import Span, Unreadable

Item: TypeAlias = RawTrace | Span | Feedback | Unreadable
"""What a record may hold: whole traces, steps of traces, feedback, and what can not be used of it."""


@dataclass(frozen=True)
class Source:
    """Where a record came from; `fields` is the user's field map for files of no known format."""

    file: str
    line: int
    app: str
    fields: Mapping[str, str] = field(default_factory=dict)


class UnreadableError(Exception):
    """This record can not become a trace; the text says why."""


def utc(value: Any) -> datetime:
    """Return a time as naive UTC: ISO 8601, or seconds, milliseconds, micro- or nanoseconds since 1970.

    Raises:
        UnreadableError: it is none of these.
    """
    try:
        if isinstance(value, str) and not value.strip().replace(".", "", 1).isdigit():
            text = re.sub(r"[zZ]$", "+00:00", value.strip())
            moment = datetime.fromisoformat(re.sub(r"\.(\d+)", _microseconds, text))
        else:
            seconds = float(value)
            while 1e11 < seconds < 1e30:
                seconds /= 1000
            moment = datetime.fromtimestamp(seconds, timezone.utc)
        return moment.astimezone(timezone.utc).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, TypeError, OverflowError, OSError):
        raise UnreadableError(f"{str(value)[:40]!r} is not a time (ISO 8601 or a Unix time)") from None


def _microseconds(fraction: re.Match[str]) -> str:
    return f".{fraction.group(1)[:6]:0<6}"


def finite(text: str) -> float:
    """Return a JSON number as a float.

    Raises:
        ValueError: it is too large for one.
    """
    value = float(text)
    if abs(value) > sys.float_info.max:
        raise ValueError(f"{text[:40]} is too large for a number")
    return value


def number(record: Mapping[str, Any], key: str) -> float | None:
    """Return a finite, non-negative number, None where it is absent.

    Raises:
        UnreadableError: it is something else.
    """
    value = record.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= sys.float_info.max:
        raise UnreadableError(f"{key} must be a number of at least 0, not {str(value)[:40]!r}")
    return float(value)


def whole(record: Mapping[str, Any], key: str) -> int | None:
    """Return `number` as a whole number that fits 64 bits, None where it is absent."""
    value = number(record, key)
    if value is not None and value >= 2**63:
        raise UnreadableError(f"{key} is too large: {str(record[key])[:40]}")
    return None if value is None else int(value)


def text(record: Mapping[str, Any], key: str) -> str | None:
    """Return the text at `key`, None where it is absent or empty; other values become their JSON."""
    value = record.get(key)
    if value is None or value == "":
        return None
    return clean(value if isinstance(value, str) else as_json(value))


def clean(value: str) -> str:
    """Return text that UTF-8 and Parquet can hold: no NUL, no lone surrogate."""
    return value.replace("\x00", "�").encode("utf-8", "replace").decode()


def as_json(value: Any) -> str:
    """Return canonical JSON of a value, safe to store."""
    return clean(json.dumps(value, ensure_ascii=False, sort_keys=True))


def content_id(value: Any) -> str:
    """Return a stable id made from the content, for a record without one."""
    return "c-" + hashlib.sha256(as_json(value).encode()).hexdigest()[:20]


def last_exchange(messages: Sequence[Mapping[str, Any]]) -> tuple[str, str | None]:
    """Return (the last user message, the last text that the app answered after the first of them)."""
    asked = [i for i, m in enumerate(messages) if m.get("role") == "user"]
    spoken = [i for i, m in enumerate(messages) if m.get("role") == "assistant" and text_of(m.get("content")).strip()]
    said = [i for i in spoken if asked and i > asked[0]]
    output = clean(text_of(messages[said[-1]].get("content"))) if said else None
    before = [i for i in asked if not said or i < said[-1]] or asked
    return (clean(text_of(messages[before[-1]].get("content"))) if before else ""), output
