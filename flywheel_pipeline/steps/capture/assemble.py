"""The spans of one trace -> one row: what was asked, what was answered, and the whole conversation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from flywheel_pipeline.records import CapturedTrace, Json
from flywheel_pipeline.steps.capture.formats.common import UnreadableError, as_json, clean, last_exchange
from flywheel_pipeline.steps.capture.messages import to_messages
from flywheel_pipeline.steps.capture.spans import Span

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


def assemble_trace(spans: Sequence[Span], place: tuple[str, str, int], app: str, n_rows: int) -> CapturedTrace:
    """Return the trace that merged `spans`, of one trace id, make; `place` is (format, file, line).

    Input and output are the root's, or those of the deepest generation where the root has none; tokens and
    cost are summed over the spans, the time runs from the first start to the last end.

    Raises:
        UnreadableError: no span has a time.
    """
    times = [s.started_at for s in spans if s.started_at]
    if not times:
        raise UnreadableError("no span of the trace has a start time")
    started = min(times)
    ended = max([s.ended_at for s in spans if s.ended_at], default=None)
    messages = conversation(spans)
    asked, answered = last_exchange(messages)
    score, comment = _feedback(spans)
    return CapturedTrace(
        trace_id=clean(spans[0].trace_id),
        session_id=_first(spans, "session_id"),
        started_at=started,
        latency_ms=(ended - started).total_seconds() * 1000 if ended and ended >= started else None,
        app=_first(spans, "app") or app,
        prompt_name=_first(spans, "prompt_name"),
        prompt_version=_first(spans, "prompt_version"),
        model=next((s.model for s in _generations(spans)[::-1] if s.model), None) or _first(spans, "model"),
        input=asked,
        output=answered,
        messages=Json(as_json(messages)),
        retrieved=Json(as_json(_documents(spans))),
        n_turns=sum(m["role"] == "user" for m in messages),
        n_tool_calls=sum(len(m.get("tool_calls") or ()) for m in messages),
        feedback_score=score,
        feedback_comment=comment,
        error=_error(spans),
        input_tokens=_sum(spans, "input_tokens"),
        output_tokens=_sum(spans, "output_tokens"),
        cost_usd=_sum(spans, "cost_usd"),
        tags=Json(as_json(_tags(spans))),
        source_format=place[0],
        source_file=place[1],
        source_line=place[2],
        n_rows=n_rows,
        spans=Json(as_json([s.as_dict() for s in spans])),
    )


def root_of(spans: Sequence[Span]) -> Span:
    """Return the step that stands for the whole: without a parent, or whose parent is missing; the first of many.

    Where parents form a cycle, and no step has none, it is the earliest one.
    """
    ids = {s.span_id for s in spans}
    tops = [s for s in spans if not s.parent_id or s.parent_id not in ids]
    whole = [s for s in tops if s.kind == "trace"]
    said = [s for s in tops if s.input or s.output or s.messages or s.reply]
    return (whole or said or tops or list(spans))[0]


def conversation(spans: Sequence[Span]) -> list[dict[str, Any]]:
    """Return the conversation of a trace: the fullest that a generation holds, completed from root and tools."""
    root = root_of(spans)
    asked, said = to_messages(root.input, "user"), to_messages(root.output, "assistant")
    main = _fullest(spans)
    messages = [*main.messages, *main.reply] if main else []
    if not any(m["role"] == "user" for m in messages):
        system = [m for m in messages if m["role"] == "system"]
        messages = [*system, *_asked(asked), *[m for m in messages if m["role"] != "system"]]
    messages = [*messages, *_uncalled(spans, messages)]
    final = next((m for m in reversed(said) if m["role"] == "assistant" and m.get("content")), None)
    return messages if final is None or _answers(messages, final["content"]) else [*messages, final]


def _asked(asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the root was asked; where it names no role it was the user."""
    return asked if any(m["role"] == "user" for m in asked) else [{**m, "role": "user"} for m in asked]


def _fullest(spans: Sequence[Span]) -> Span | None:
    """Return the generation with the most messages; of equals the last, which saw most."""
    held = [s for s in _generations(spans) if s.messages or s.reply]
    users = [s for s in held if any(m["role"] == "user" for m in s.messages)]
    return max(reversed(users or held), key=lambda s: len(s.messages) + len(s.reply), default=None)


def _generations(spans: Sequence[Span]) -> list[Span]:
    found = [s for s in spans if s.kind == "llm"]
    return found or [s for s in spans if s.messages or s.reply]


def _answers(messages: Sequence[dict[str, Any]], text: str) -> bool:
    """Return whether the conversation already ends with `text`, or with more or less of it."""
    said = next((m["content"] for m in reversed(messages) if m["role"] == "assistant" and m.get("content")), "")
    return bool(said) and (said.strip() in text or text.strip() in said)


def _uncalled(spans: Sequence[Span], messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the tool steps that no message tells of, as calls with their results."""
    told = {str(c.get("function", {}).get("name")) for m in messages for c in m.get("tool_calls") or ()}
    made: list[dict[str, Any]] = []
    for span in spans:
        if span.kind == "tool" and span.name and not _told(span.name, told):
            call = {
                "id": span.span_id,
                "type": "function",
                "function": {"name": span.name, "arguments": span.input or ""},
            }
            made.append({"role": "assistant", "content": "", "tool_calls": [call]})
            made.append({"role": "tool", "tool_call_id": span.span_id, "name": span.name, "content": span.output or ""})
    return made


def _told(name: str, told: set[str]) -> bool:
    return any(t and (t in name or name in t) for t in told)


def _documents(spans: Sequence[Span]) -> list[dict[str, Any]]:
    found = {as_json(d): d for s in spans for d in s.documents}
    return list(found.values())


def _feedback(spans: Sequence[Span]) -> tuple[float | None, str | None]:
    scores = [s.feedback_score for s in spans if s.feedback_score is not None]
    comments = [s.feedback_comment for s in spans if s.feedback_comment]
    return (min(1.0, max(0.0, scores[-1])) if scores else None), (comments[-1] if comments else None)


def _error(spans: Sequence[Span]) -> str | None:
    """Return the error of the root, or else the first; a step's error that the app got over counts as well."""
    root = root_of(spans)
    return root.error or next((s.error for s in spans if s.error), None)


def _tags(spans: Sequence[Span]) -> dict[str, Any]:
    """Return the tags of all spans, the root's first; where two differ, the root's."""
    root = root_of(spans)
    tags: dict[str, Any] = dict(root.tags)
    for span in spans:
        for key, value in span.tags.items():
            if len(tags) < MAX_TAGS:
                tags.setdefault(key, value)
    return tags


def _first(spans: Sequence[Span], name: str) -> str | None:
    root = root_of(spans)
    found = next((v for v in (getattr(s, name) for s in (root, *spans)) if v), None)
    return None if found is None else clean(str(found))


def _sum(spans: Sequence[Span], name: str) -> Any:
    """Return the sum over the generations; of what only the whole is told, that."""
    told = [s for s in spans if getattr(s, name) is not None]
    steps = [s for s in told if s.kind != "trace"] or told
    return sum(getattr(s, name) for s in steps) if steps else None
