"""Short facts about a trace that its conversation does not show."""

from __future__ import annotations

import json
from contextlib import suppress

from flywheel_pipeline.records import RawTrace
from flywheel_pipeline.words import count

MAX_TAGS, MAX_BADGE = 8, 220


def badges_of(trace: RawTrace) -> list[str]:
    """Return short facts: when, how long, by which model, what the user thought of it, and tags of the source."""
    score = trace.feedback_score
    facts = (
        f"{trace.started_at:%Y-%m-%d %H:%M} UTC",
        count(trace.n_turns, "turn"),
        count(trace.n_tool_calls, "tool call") if trace.n_tool_calls else None,
        f"{trace.latency_ms / 1000:.1f} s" if trace.latency_ms else None,
        trace.model,
        f"prompt {trace.prompt_version}" if trace.prompt_version else None,
        None if score is None else "thumbs up" if score >= 0.5 else "thumbs down",
        f"user: {trace.feedback_comment}" if trace.feedback_comment else None,
    )
    return [fact[:MAX_BADGE] for fact in (*facts, *_tags(trace)) if fact]


def _tags(trace: RawTrace) -> list[str]:
    with suppress(ValueError, RecursionError):
        tags = json.loads(trace.tags)
        if isinstance(tags, dict):
            nested = [(k, v) for within in tags.values() if isinstance(within, dict) for k, v in within.items()]
            plain = [(k, v) for k, v in (*tags.items(), *nested) if isinstance(v, str | int | float) and str(v).strip()]
            return [f"{k}: {v}"[:80] for k, v in plain[:MAX_TAGS]]
    return []
