"""Feedback of users, `{trace_id, score, comment}` or a list of them -> rows for the landing file."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flywheel_pipeline.web.fields import read_text

KEYS = ("trace_id", "score", "comment")
MAX_ID, MAX_COMMENT = 200, 100_000
_WORDS = {"up": 1.0, "down": 0.0}


class BadFeedbackError(ValueError):
    """The feedback is not valid; the message says which item and why."""


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
        raise ValueError("feedback must be an object {trace_id, score, comment}, or a list of them")
    if unknown := [k for k in item if k not in KEYS]:
        raise ValueError(f"unknown key {unknown[0][:40]!r}; known: {', '.join(KEYS)}")
    score, comment = _score(item.get("score")), read_text(item.get("comment"), "comment", MAX_COMMENT)
    if score is None and comment is None:
        raise ValueError("give a score, a comment, or both")
    trace_id = read_text(item.get("trace_id"), "trace_id", MAX_ID)
    if trace_id is None:
        raise ValueError("trace_id is missing")
    return {"trace_id": trace_id, "score": score, "comment": comment, "at": at.isoformat().replace("+00:00", "Z")}


def _score(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    if isinstance(value, bool | int | float) and 0 <= value <= 1:
        return float(value)
    raise ValueError('score must be a number from 0 to 1, true, false, "up" or "down"')
