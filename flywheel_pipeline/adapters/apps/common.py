"""What an app of your own is given and may return."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import GoldenCase

FIELDS = (
    "output",
    "error",
    "latency_ms",
    "retrieved_doc_ids",
    "tool_calls",
    "input_tokens",
    "output_tokens",
    "cost_usd",
)
"""What a mapping that an app returns may hold; only `output` or `error` is needed."""


def question_of(prompt: str, case: GoldenCase) -> dict[str, Any]:
    """Return what an app is given: the prompt, the conversation up to the turn under test, and what came with it."""
    return {
        "prompt": prompt,
        "input": case.input,
        "messages": json.loads(case.messages),
        "documents": json.loads(case.context),
        "variables": json.loads(case.variables or "{}"),
    }


def answer_of(value: Any, latency_ms: float = 0.0) -> Answer:
    """Return an app's answer from a text, or a mapping of `FIELDS`; anything else is an error that names it."""
    if isinstance(value, str):
        return Answer(value, latency_ms=latency_ms, cost_usd=None)
    if not isinstance(value, Mapping):
        return Answer(None, f"the app returned {type(value).__name__}, not a text or a mapping", latency_ms)
    output, error = value.get("output"), value.get("error")
    if error or not isinstance(output, str):
        return Answer(None, str(error or "the app returned a mapping without `output`, a text"), latency_ms)
    cost, ids = value.get("cost_usd"), value.get("retrieved_doc_ids")
    return Answer(
        output=output,
        latency_ms=_number(value.get("latency_ms"), latency_ms),
        retrieved_doc_ids=tuple(map(str, ids)) if isinstance(ids, list | tuple) else (),
        tool_calls=tuple(c for c in value.get("tool_calls") or () if isinstance(c, Mapping)),
        input_tokens=int(_number(value.get("input_tokens"), 0)),
        output_tokens=int(_number(value.get("output_tokens"), 0)),
        cost_usd=None if cost is None else _number(cost, 0.0),
    )


def version_of(*parts: Any) -> str:
    """Return a hash of everything in an app that may change its answers."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:10]


def _number(value: Any, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else otherwise
