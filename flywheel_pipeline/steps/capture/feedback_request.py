"""Feedback of users, `{trace_id, score, comment, name, scale}` or a list of them -> rows for the landing file.

A score is a number, true or false, or a word such as `up` or `👎`; what it means is decided when the file is read, as
for all other formats: by its `name` (of a `dislike`, 1 is bad) and its `scale`, such as `[1, 5]`. Without a scale it is
that of all scores of the name in the file; where these do not show it, the score is kept and counted, but no opinion.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flywheel_pipeline.steps.capture.export_request import DecodeLimits, dump_line, parse_json
from flywheel_pipeline.steps.capture.fields import read_text
from flywheel_pipeline.steps.capture.formats.opinions import given_by
from flywheel_pipeline.steps.capture.request_size import TooManyError, check_json

KEYS = ("trace_id", "score", "comment", "name", "scale")
MAX_ID, MAX_COMMENT, MAX_WORD, MAX_NAME = 200, 100_000, 200, 200
MOST = 1e15
"""Numbers beyond it are no scores."""
MAX_ROWS = 10_000
"""How many opinions one request may hold."""


class BadFeedbackError(ValueError):
    """The feedback is not valid; the message says which item and why."""


def read_feedback(body: bytes, at: datetime, limits: DecodeLimits) -> tuple[bytes, int]:
    """Return the lines of a request of feedback, and how many they are: all or none.

    Raises:
        BadFeedbackError: the body is not JSON, or one of its items is wrong.
        TooManyError: it holds more items than one request may.
    """
    check_json(body, 2 * limits.objects)
    try:
        value = parse_json(body)
    except ValueError as error:
        raise BadFeedbackError(f"the body is not JSON: {error}") from None
    if isinstance(value, list) and len(value) > MAX_ROWS:
        raise TooManyError(f"the request holds {len(value):,} items: send at most {MAX_ROWS:,} at once")
    rows = rows_of(value, at)
    try:
        return b"".join(map(dump_line, rows)), len(rows)
    except ValueError as error:
        raise BadFeedbackError(f"the body is not JSON: {error}") from None


def rows_of(value: Any, at: datetime) -> list[dict[str, Any]]:
    """Return the rows, all or none.

    Raises:
        BadFeedbackError: one of them is wrong.
    """
    items = value if isinstance(value, list) else [value]
    rows = []
    for n, item in enumerate(items, 1):
        try:
            rows.append(_row(item, at))
        except ValueError as error:
            raise BadFeedbackError(f"item {n}: {error}" if isinstance(value, list) else str(error)) from None
    return rows


def _row(item: Any, at: datetime) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise ValueError("feedback must be an object {trace_id, score, comment, name, scale}, or a list of them")
    if unknown := [k for k in item if k not in KEYS]:
        raise ValueError(f"unknown key {unknown[0][:40]!r}; known: {', '.join(KEYS)}")
    score, scale = _score(item.get("score")), _scale(item.get("scale"))
    comment = read_text(item.get("comment"), "comment", MAX_COMMENT)
    if score is None and comment is None:
        raise ValueError("give a score, a comment, or both")
    if scale and not (_is_number(score) and min(scale) <= score <= max(scale)):
        raise ValueError(f"score must be a number within its scale {scale}")
    trace_id = read_text(item.get("trace_id"), "trace_id", MAX_ID)
    if trace_id is None:
        raise ValueError("trace_id is missing")
    name = read_text(item.get("name"), "name", MAX_NAME)
    if name and (giver := given_by("user", name)) != "user":
        raise ValueError(f"the name {name[:40]!r} says that this is by {giver}; only what users think is taken here")
    row = {"trace_id": trace_id, "score": score, "comment": comment, "name": name, "scale": scale}
    stated = {k: v for k, v in row.items() if v is not None or k in ("score", "comment")}
    return {**stated, "at": at.isoformat().replace("+00:00", "Z")}


def _score(value: Any) -> bool | int | float | str | None:
    if isinstance(value, str):
        return read_text(value, "score", MAX_WORD)
    if value is None or (isinstance(value, bool | int | float) and (isinstance(value, bool) or _is_number(value))):
        return value
    raise ValueError('score must be a number, true, false, or a word such as "up" or "down"')


def _scale(value: Any) -> list[Any] | None:
    if value is None:
        return None
    if not (isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) and value[0] != value[1]):
        raise ValueError("scale must be two different numbers, the worst and the best, such as [1, 5]")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MOST
