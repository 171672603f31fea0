"""The spans of one trace -> one row: what was asked, what was answered, and the whole conversation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from flywheel_pipeline.records import CapturedTrace, Json
from flywheel_pipeline.steps.capture.formats.common import UnreadableError, as_json, clean
from flywheel_pipeline.steps.capture.formats.turn_rows import join_turns
from flywheel_pipeline.steps.capture.media import without_payloads
from flywheel_pipeline.steps.capture.spans import Span, ancestors
from flywheel_pipeline.steps.capture.talk import main_talk, root_of

MAX_TAGS = 60


def merge_spans(spans: Iterable[Span]) -> tuple[list[Span], int]:
    """Return the spans with equal ids made one, oldest first, and how many were mere repetitions."""
    found: dict[str, Span] = {}
    repeated = 0
    for span in spans:
        known = found.get(span.span_id)
        joined = span if known is None else known.merged(span)
        repeated += known is not None and joined == known
        found[span.span_id] = joined
    return sorted(found.values(), key=lambda s: (s.started_at or datetime.max, s.span_id)), repeated


def assemble_trace(
    spans: Sequence[Span], place: tuple[str, str, int], app: str, n_rows: int, is_whole: bool = True
) -> CapturedTrace:
    """Return the trace that merged `spans`, of one trace id, make; `place` is (format, file, line).

    Input and output are those of `main_talk`; tokens and cost are summed over the spans, the time runs from the first
    start to the last end.

    Of pieces that are joined, `is_whole` is False: they are stored already, so that they cannot be rejected.

    Raises:
        UnreadableError: no span has a time, or the order of turns is not determined.
    """
    stored, spans = spans, join_turns([s.with_logged() for s in spans], is_whole)
    times = [s.started_at for s in spans if s.started_at]
    if not times:
        raise UnreadableError("no span of the trace has a start time")
    started = min(times)
    ended = max([s.ended_at for s in spans if s.ended_at], default=None)
    root = root_of(spans)
    ranked = [root, *(s for s in spans if s is not root)]
    talk = main_talk(root, spans)
    messages = talk.messages
    return CapturedTrace(
        trace_id=clean(root.trace_id),
        session_id=_first(ranked, "session_id"),
        started_at=started,
        latency_ms=(ended - started).total_seconds() * 1000 if ended and ended >= started else None,
        app=_first(ranked, "app") or app,
        prompt_name=_first(ranked, "prompt_name"),
        prompt_version=_first(ranked, "prompt_version"),
        model=talk.model or _first(ranked, "model"),
        input=without_payloads(clean(talk.asked)),
        output=None if talk.answered is None else without_payloads(clean(talk.answered)),
        messages=Json(without_payloads(as_json(messages))),
        retrieved=Json(as_json(_documents(spans))),
        n_turns=sum(m["role"] == "user" for m in messages),
        n_tool_calls=sum(len(m.get("tool_calls") or ()) for m in messages),
        feedback_score=None,
        feedback_comment=None,
        error=root.error or (None if talk.answered else _first(ranked, "error")),
        input_tokens=_sum(spans, "input_tokens"),
        output_tokens=_sum(spans, "output_tokens"),
        cost_usd=_sum(spans, "cost_usd"),
        tags=Json(as_json(_tags(ranked))),
        source_format=place[0],
        source_file=place[1],
        source_line=place[2],
        n_rows=n_rows,
        spans=Json(without_payloads(as_json([s.as_dict() for s in stored]))),
    )


def _documents(spans: Sequence[Span]) -> list[dict[str, Any]]:
    found = {as_json(d): d for s in spans for d in s.documents}
    return list(found.values())


def _tags(ranked: Sequence[Span]) -> dict[str, Any]:
    """Return the tags of all spans, the root's first; where two differ, the root's."""
    tags: dict[str, Any] = {}
    for span in ranked:
        for key, value in span.tags.items():
            if len(tags) < MAX_TAGS:
                tags.setdefault(key, value)
    return tags


def _first(ranked: Sequence[Span], name: str) -> str | None:
    found = next((v for v in (getattr(s, name) for s in ranked) if v), None)
    return None if found is None else clean(str(found))


def _sum(spans: Sequence[Span], name: str) -> Any:
    """Return the sum over the deepest steps that have it: a step above them has their sum."""
    held = {s.span_id: s for s in spans if getattr(s, name) is not None}
    if len(held) > 1:
        above = {s.span_id: s.parent_id for s in spans}
        for span_id in list(held):
            for parent in ancestors(span_id, above):
                held.pop(parent, None)
    return sum(getattr(s, name) for s in held.values()) if held else None
