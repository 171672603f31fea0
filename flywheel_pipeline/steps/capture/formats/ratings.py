"""What a user thought of a conversation, where it stands in the record of the conversation: `feedback`, and ratings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from flywheel_pipeline.records import Feedback
from flywheel_pipeline.steps.capture.formats.common import Source, UnreadableError, text
from flywheel_pipeline.steps.capture.formats.opinions import Opinion, clicked, feedback_of, is_opinion, is_verdict

_RATINGS = {
    "rating", "stars", "star_rating", "thumbs", "thumb", "thumbs_up", "thumbs_down", "user_rating", "user_feedback",
    "like", "liked", "dislike", "disliked", "csat", "nps",
}  # fmt: skip
"""Keys of a record, or of its `feedback`, that hold a score whatever its value."""
_VALUES = ("score", "value", "label", "type", "sentiment", "verdict")
"""Keys of `feedback` that hold the score, the likeliest first; what else is a rating is a score of its own name."""
_COMMENTS = ("comment", "text", "reason", "message", "explanation")


def ratings_in(record: Mapping[str, Any], known: Collection[str], trace_id: str, source: Source) -> Iterator[Feedback]:
    """Yield the opinion of the user in a record of which the keys `known` mean something else.

    Raises:
        UnreadableError: `feedback` is a list.
    """
    feedback = record.get("feedback")
    if isinstance(feedback, list):
        raise UnreadableError("feedback must be an object with `score` and `comment`, or a score")
    given = dict(feedback) if isinstance(feedback, dict) else {"score": feedback}
    comment = next((c for k in _COMMENTS if (c := text(given, k))), None)
    value = next((k for k in _VALUES if given.get(k) is not None), None)
    scores = {text(given, "name") or "feedback": given[value]} if value else {}
    scores |= {k: given[k] for k in given if is_rating(k, given[k])}
    scores |= {k: record[k] for k in record if k != "feedback" and k not in known and is_rating(k, record[k])}
    n = 0
    for name, score in clicked(scores).items():
        opinion = Opinion(trace_id, name, score, "user", None if n else comment, alone=False)
        for row in feedback_of(opinion, source):
            n += 1
            yield row
    if not n and comment:
        yield from feedback_of(Opinion(trace_id, "feedback", None, "user", comment, alone=False), source)


def is_rating(key: str, value: Any) -> bool:
    """Return whether a key holds what a user thought: its name is that of an opinion, its value a verdict or number."""
    if key in _RATINGS:
        return True
    return is_opinion(key) and (isinstance(value, bool | int | float) or (isinstance(value, str) and is_verdict(value)))
