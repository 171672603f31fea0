"""What all trace formats share: where a record came from, times, and conversations."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson

from flywheel_pipeline.records import CapturedTrace, Feedback
from flywheel_pipeline.steps.capture.formats.amounts import count_in, number_in
from flywheel_pipeline.steps.capture.formats.times import UnreadableError as UnreadableError
from flywheel_pipeline.steps.capture.formats.times import utc as utc
from flywheel_pipeline.steps.capture.messages import text_said
from flywheel_pipeline.steps.capture.spans import Span, Unreadable
from flywheel_pipeline.steps.capture.turns import last_turn

Item: TypeAlias = CapturedTrace | Span | Feedback | Unreadable
"""What a record may hold: whole traces, steps of traces, feedback, and what cannot be used."""


@dataclass(frozen=True)
class Source:
    """Where a record came from.

    `fields` is the user's field map for files of no known format, `scales` those of users' scores by name, where
    the settings state them.
    """

    file: str
    line: int
    app: str
    fields: Mapping[str, str] = field(default_factory=dict)
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)


_ESCAPED_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
_NUMBERS = (int, float)  # as a union it would be made anew at every look


def finite(text: str) -> float:
    """Return a JSON number as a float.

    Raises:
        ValueError: it is too large for one.
    """
    value = float(text)
    if abs(value) > sys.float_info.max:
        raise ValueError(f"{text[:40]} is too large for a number")
    return value


def number(record: Mapping[str, Any], key: str, in_text: Callable[[Any], float | None] = number_in) -> float | None:
    """Return a finite, non-negative number, None where it is absent; `in_text` reads one that is text.

    Raises:
        UnreadableError: it is something else.
    """
    value = record.get(key)
    if value is None:
        return None
    if isinstance(value, str):
        try:
            return in_text(value)
        except UnreadableError as error:
            raise UnreadableError(f"{key} must be a number of at least 0: {error}") from None
    if isinstance(value, bool) or not isinstance(value, _NUMBERS) or not 0 <= value <= sys.float_info.max:
        raise UnreadableError(f"{key} must be a number of at least 0, not {str(value)[:40]!r}")
    return float(value)


def whole(record: Mapping[str, Any], key: str) -> int | None:
    """Return `number` as a whole number that fits 64 bits, None where it is absent."""
    value = number(record, key, count_in)
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
    if "\x00" in value:
        value = value.replace("\x00", "�")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace").decode()
    return value


def as_json(value: Any) -> str:
    """Return canonical JSON of a value, safe to store."""
    try:
        text = orjson.dumps(value, option=CANONICAL).decode()
    except (TypeError, ValueError, RecursionError):  # integers beyond 64 bits, lone surrogates, depth
        text = clean(json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str))
    return _ESCAPED_NUL.sub("\\1�", text) if "\\u0000" in text else text


def content_id(value: Any) -> str:
    """Return a stable id made from the content, for a record without one."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return "c-" + hashlib.sha256(clean(text).encode()).hexdigest()[:20]


def last_exchange(messages: Sequence[Mapping[str, Any]]) -> tuple[str, str | None]:
    """Return (question, answer) of a conversation by the rule of `turns`, as texts that can be stored."""
    asked, answered = last_turn(messages, text_said)
    return clean(asked), None if answered is None else clean(answered)
