"""Feedback: lines `{trace_id, score, comment, at}`, written by `flywheel serve`, by apps or by people.

`score`, which may be called `rating` or the like, is a number, true or false, or a word such as `up`; one of `score`
and `comment` is needed. Optional are `name` (what the score is called: of a `dislike` 1 is bad), `source` (who gave it,
`user` where absent), `author` (the name of an annotator) and `scale`, such as `[1, 5]`, or `[5, 1]` where low is good;
without it the scale is that of all scores of the name in the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError
from flywheel_pipeline.steps.capture.formats.lenient import get_list, get_text, get_time
from flywheel_pipeline.steps.capture.formats.opinions import Opinion, feedback_of, is_opinion

NAME = "feedback"

_OTHERS = {
    "messages",
    "input",
    "output",
    "question",
    "answer",
    "span_id",
    "id",
    "run_id",
    "request",
    "response",
}
_KEYS = frozenset(("comment", "name", "source", "author", "scale", "at", "trace_id"))


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record says something of a trace, and is none itself."""
    if "trace_id" not in record or not _OTHERS.isdisjoint(record):
        return False
    return "score" in record or "comment" in record or _rating(record) is not None


def _rating(record: Mapping[str, Any]) -> str | None:
    """Return the key under which a score stands that is called otherwise, such as `rating` or `thumbs`."""
    others = (k for k in record if k not in _KEYS and is_opinion(k))
    return next((k for k in others if isinstance(record[k], bool | int | float | str)), None)


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the feedback."""
    trace_id, called = get_text(record, "trace_id"), None if "score" in record else _rating(record)
    given = record.get(called or "score")
    if not trace_id:
        raise UnreadableError("no trace_id")
    if isinstance(given, list | dict):
        raise UnreadableError(f"score must be a number, true or false, or a word such as `up`, not {str(given)[:40]!r}")
    scale = get_list(record, "scale")
    if scale and not (len(scale) == 2 and all(type(s) in (int, float) for s in scale)):
        raise UnreadableError(f"scale must be two numbers, such as [1, 5], not {str(scale)[:40]}")
    opinion = Opinion(
        trace_id, get_text(record, "name") or called or NAME, given, get_text(record, "source") or "user",
        get_text(record, "comment"), get_time(record, "at", "timestamp", "created_at", "given_at"),
        scale=(float(scale[0]), float(scale[1])) if scale else None, author=get_text(record, "author", "annotator"),
    )  # fmt: skip
    found = list(feedback_of(opinion, source))
    if not found:
        raise UnreadableError("neither score nor comment")
    yield from found
