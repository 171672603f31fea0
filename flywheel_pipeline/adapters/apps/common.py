"""What an app of your own is given and may return."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from math import inf
from typing import Any, overload

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
"""What a mapping that an app returns may hold; only `output`, `tool_calls` or `error` is needed."""


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
    error = value.get("error") or _problem(value)
    if error:
        return Answer(None, str(error), latency_ms)
    ids = value.get("retrieved_doc_ids")
    return Answer(
        output=value.get("output") or "",
        latency_ms=_number(value.get("latency_ms"), latency_ms),
        retrieved_doc_ids=tuple(map(str, ids)) if isinstance(ids, list | tuple) else (),
        tool_calls=tuple(value.get("tool_calls") or ()),
        input_tokens=int(_number(value.get("input_tokens"), 0)),
        output_tokens=int(_number(value.get("output_tokens"), 0)),
        cost_usd=_number(value.get("cost_usd"), None),
    )


def _problem(value: Mapping[str, Any]) -> str:
    """Return why a mapping is no answer; empty if it is one. What is not understood is no answer without it."""
    output, calls = value.get("output"), value.get("tool_calls")
    if calls and not (isinstance(calls, list | tuple) and all(isinstance(c, Mapping) for c in calls)):
        return "the app returned `tool_calls` that are not a list of mappings"
    if isinstance(output, str) or (output is None and calls):
        return ""
    return "the app returned a mapping without `output`, a text, and without `tool_calls`"


def version_of(*parts: Any) -> str:
    """Return a hash of everything in an app that may change its answers."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:10]


@overload
def _number(value: Any, otherwise: float) -> float: ...


@overload
def _number(value: Any, otherwise: None) -> float | None: ...


def _number(value: Any, otherwise: float | None) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < inf
    return float(value) if known else otherwise
