"""The spans of one trace -> one row: what was asked, what was answered, and the whole conversation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    stored, spans = spans, [s.with_logged() for s in spans]
    times = [s.started_at for s in spans if s.started_at]
    if not times:
        raise UnreadableError("no span of the trace has a start time")
    started = min(times)
    ended = max([s.ended_at for s in spans if s.ended_at], default=None)
    root = root_of(spans)
    ranked = [root, *(s for s in spans if s is not root)]
    messages = conversation(root, spans)
    asked, answered = last_exchange(messages)
    return CapturedTrace(
        trace_id=clean(root.trace_id),
        session_id=_first(ranked, "session_id"),
        started_at=started,
        latency_ms=(ended - started).total_seconds() * 1000 if ended and ended >= started else None,
        app=_first(ranked, "app") or app,
        prompt_name=_first(ranked, "prompt_name"),
        prompt_version=_first(ranked, "prompt_version"),
        model=next((s.model for s in reversed(_generations(spans)) if s.model), None) or _first(ranked, "model"),
        input=asked,
        output=answered,
        messages=Json(as_json(messages)),
        retrieved=Json(as_json(_documents(spans))),
        n_turns=sum(m["role"] == "user" for m in messages),
        n_tool_calls=sum(len(m.get("tool_calls") or ()) for m in messages),
        feedback_score=None,
        feedback_comment=None,
        error=root.error or (None if answered else _first(ranked, "error")),
        input_tokens=_sum(spans, "input_tokens"),
        output_tokens=_sum(spans, "output_tokens"),
        cost_usd=_sum(spans, "cost_usd"),
        tags=Json(as_json(_tags(ranked))),
        source_format=place[0],
        source_file=place[1],
        source_line=place[2],
        n_rows=n_rows,
        spans=Json(as_json([s.as_dict() for s in stored])),
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


def conversation(root: Span, spans: Sequence[Span]) -> list[dict[str, Any]]:
    """Return the conversation of a trace: the fullest that a generation holds, completed from root and tools."""
    main = _fullest(spans)
    messages = [*main.messages, *main.reply] if main else []
    if not any(m["role"] == "user" for m in messages):
        system = [m for m in messages if m["role"] == "system"]
        asked = _asked(to_messages(root.input, "user"))
        messages = [*system, *asked, *[m for m in messages if m["role"] != "system"]]
    messages = _with_tools(spans, messages)
    said = to_messages(root.output, "assistant")
    final = next((m for m in reversed(said) if m["role"] == "assistant" and m.get("content")), None)
    return messages if final is None or _answers(messages, final["content"]) else [*messages, final]


def _with_tools(spans: Sequence[Span], messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the conversation with the tool steps that no message of it tells of, before the answer."""
    made = _uncalled(spans, messages)
    answered = bool(messages) and messages[-1]["role"] == "assistant" and not messages[-1].get("tool_calls")
    return [*messages[:-1], *made, messages[-1]] if answered else [*messages, *made]


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
    """Return the sum over the deepest steps that tell of it: a step above them tells the same once more."""
    told = {s.span_id: s for s in spans if getattr(s, name) is not None}
    if len(told) > 1:
        above = {s.span_id: s.parent_id for s in spans}
        for span_id in list(told):
            for parent in _ancestors(span_id, above):
                told.pop(parent, None)
    return sum(getattr(s, name) for s in told.values()) if told else None


def _ancestors(span_id: str, above: Mapping[str, str | None]) -> Iterator[str]:
    """Yield the steps above one, nearest first; a cycle is gone through once."""
    seen = {span_id}
    parent = above.get(span_id)
    while parent and parent not in seen:
        yield parent
        seen.add(parent)
        parent = above.get(parent)
