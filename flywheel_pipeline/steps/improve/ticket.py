"""A ticket on a failure of tools or code: Markdown with traces, in which no text of a stranger becomes markup."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.prompting import plain_messages

LONGEST = 2_000
"""Characters of one message that a ticket shows."""


@dataclass(frozen=True)
class TicketTrace:
    """A trace: its id, the expert's remark, the messages, the step that failed first, the error of the app."""

    trace_id: str
    remark: str
    messages: Sequence[Mapping[str, Any]]
    step: int | None = None
    error: str = ""


def write_ticket(name: str, definition: str, reason: str, traces: Sequence[TicketTrace]) -> str:
    """Return the ticket: what fails, why tools or code are the cause, and the traces as fenced JSON."""
    return "\n".join([
        f"# {_line(name)}", "", _line(definition), "", f"Why tools or code: {_line(reason)}.", "",
        f"## {len(traces)} traces", "",
        *(part for trace in traces for part in _trace(trace)),
    ])  # fmt: skip


def _trace(trace: TicketTrace) -> list[str]:
    shown = {
        "trace_id": trace.trace_id, "expert": trace.remark, "first_failing_step": trace.step, "error": trace.error,
        "messages": [{"role": m["role"], "content": _cut(m["content"])} for m in plain_messages(trace.messages)],
    }  # fmt: skip
    # a JSON string has no line end, so that no line of it can close the fence
    return ["```json", json.dumps(shown, ensure_ascii=False, indent=1), "```", ""]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} […] ({len(text) - LONGEST:,} more characters)"


def _line(text: str) -> str:
    """Return a text on one line, as Markdown that shows it."""
    escaped = "".join(f"\\{c}" if c in "\\`*_{}[]<>()#|!" else c for c in " ".join(text.split()))
    return escaped.replace("://", ":\\/\\/").replace("@", "\\@")
