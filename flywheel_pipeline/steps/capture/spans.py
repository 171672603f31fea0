"""A span: one step of a trace (a model call, a tool, a retrieval), whatever system recorded it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from operator import attrgetter
from typing import Any

KINDS = ("trace", "agent", "chain", "llm", "tool", "retriever", "embedding", "evaluator", "turn", "other")
"""What a span did; `trace` is the record that stands for the trace as a whole where a format has one."""


@dataclass(slots=True)
class Span:
    """One step. Texts may be JSON text; `messages` is what a model was sent, `reply` what it answered.

    `messages` and `reply` are OpenAI-style (see `messages.to_messages`); `documents` are
    `{id, title, content, score}`. `tags` keeps what else is worth keeping; `n_dropped` counts the fields of
    the source that are kept nowhere. `logged` is what log records say of the step, `{at, messages, reply}` each:
    they arrive apart from it and from each other, and are put together by `with_logged`. `order` is where a step of the
    kind `turn` stands in its conversation (see `turn_rows`).
    """

    trace_id: str
    span_id: str
    parent_id: str | None = None
    name: str = ""
    kind: str = "other"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str | None = None
    input: str | None = None
    output: str | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    reply: list[dict[str, Any]] = field(default_factory=list)
    documents: list[dict[str, Any]] = field(default_factory=list)
    model: str | None = None
    app: str | None = None
    session_id: str | None = None
    prompt_name: str | None = None
    prompt_version: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    tags: dict[str, Any] = field(default_factory=dict)
    n_dropped: int = 0
    logged: list[dict[str, Any]] = field(default_factory=list)
    order: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return what is set, as JSON values."""
        values = zip(_NAMES, _VALUES(self), _DEFAULTS, strict=True)
        found = {name: value for name, value, unsaid in values if value is not None and value != "" and value != unsaid}
        for k in ("started_at", "ended_at"):
            if k in found:
                found[k] = found[k].isoformat()
        return found

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Span:
        """Return the span that `as_dict` was made of."""
        times = {k: datetime.fromisoformat(values[k]) for k in ("started_at", "ended_at") if k in values}
        return cls(**{**values, **times})

    def merged(self, other: Span) -> Span:
        """Return this span, completed and corrected by `other`, a later record of the same step."""
        mine, theirs = self.as_dict(), other.as_dict()  # what one does not set, the other does not lose
        tags = {**mine.get("tags", {}), **theirs.get("tags", {})}
        logged = [*self.logged, *(entry for entry in other.logged if entry not in self.logged)]
        made = Span.of({**mine, **theirs, **({"tags": tags} if tags else {}), **({"logged": logged} if logged else {})})
        made.order = self.order or other.order
        made.started_at = min((s.started_at for s in (self, other) if s.started_at), default=None)
        made.ended_at = max((s.ended_at for s in (self, other) if s.ended_at), default=None)
        return made

    def with_logged(self) -> Span:
        """Return this span with the conversation that was logged, in the order of time, where it has none itself."""
        if not self.logged:
            return self
        entries = sorted(self.logged, key=lambda entry: str(entry["at"]))
        asked = [dict(m) for entry in entries for m in entry["messages"]]
        answered = [dict(m) for entry in entries for m in entry["reply"]]
        return replace(self, messages=self.messages or asked, reply=self.reply or answered)


def ancestors(span_id: str, above: Mapping[str, str | None]) -> Iterator[str]:
    """Yield the ids of the steps above one, nearest first; a cycle is gone through once."""
    seen = {span_id}
    parent = above.get(span_id)
    while parent and parent not in seen:
        yield parent
        seen.add(parent)
        parent = above.get(parent)


_NAMES = tuple(f.name for f in fields(Span))
_VALUES = attrgetter(*_NAMES)
_DEFAULTS = tuple(f.default_factory() if callable(f.default_factory) else f.default for f in fields(Span))
"""The value of every field that is not set."""


@dataclass(frozen=True)
class Unreadable:
    """One item of a record (a span, a score) that cannot be used, while the rest of the record can."""

    reason: str
    excerpt: str = ""
