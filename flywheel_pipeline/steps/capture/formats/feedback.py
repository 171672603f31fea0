"""Feedback: lines `{trace_id, score, comment, at}`, written by `flywheel serve`, by apps or by people.

`score` is 0 to 1, true or false, or a word such as `up`; one of `score` and `comment` is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.records import Feedback
from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError
from flywheel_pipeline.steps.capture.formats.lenient import get_text, get_time, opinion

NAME = "feedback"

_OTHERS = {
    "messages",
    "input",
    "output",
    "question",
    "answer",
    "name",
    "span_id",
    "id",
    "run_id",
    "request",
    "response",
}


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record says something of a trace, and is none itself."""
    return "trace_id" in record and ("score" in record or "comment" in record) and not _OTHERS & record.keys()


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the feedback."""
    trace_id, comment, given = get_text(record, "trace_id"), get_text(record, "comment"), record.get("score")
    if not trace_id:
        raise UnreadableError("no trace_id")
    score = opinion(given)
    if given not in (None, "") and score is None:
        raise UnreadableError(f"score must be 0 to 1, true or false, or a word such as `up`, not {str(given)[:40]!r}")
    if score is None and not comment:
        raise UnreadableError("neither score nor comment")
    at = get_time(record, "at", "timestamp", "created_at", "given_at")
    yield Feedback(trace_id, score, comment, at, source.file, source.line)
