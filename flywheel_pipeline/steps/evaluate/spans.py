"""Answers and verdicts as OTLP JSON: one trace per answer, in the names of OpenTelemetry GenAI.

A verdict is an event `gen_ai.evaluation.result` on the span of its answer. Ids are hashes, so that the same rows give
the same traces.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.prompting import text_of
from flywheel_pipeline.records import CaseAnswer, EvalResult, GoldenCase

BATCH = 200
"""Spans of one export request."""
ERROR = 2
"""The code of a status that is an error (opentelemetry-proto 1.x, `Status.StatusCode`)."""
CLIENT = 3
"""The kind of a span that calls another system."""
EVALUATION = "gen_ai.evaluation.result"


@dataclass(frozen=True)
class Run:
    """What all spans share: the app, its prompt's name, and when they end (nanoseconds since 1970, UTC).

    `names` are the attribute names of messages, reply, input_tokens, output_tokens, prompt_name and prompt_version.
    Which model made an answer is not in the tables, and so not in its span.
    """

    app: str
    prompt_name: str
    ended_at_ns: int
    names: Mapping[str, str]


def export_requests(
    answers: Sequence[CaseAnswer],
    results: Sequence[EvalResult],
    cases: Mapping[str, GoldenCase],
    run: Run,
) -> Iterator[dict[str, Any]]:
    """Yield OTLP export requests with a span per answer to one of `cases`, and the `results` on its span."""
    verdicts: dict[str, list[EvalResult]] = {}
    for r in results:
        verdicts.setdefault(r.answer_id, []).append(r)
    known = [a for a in answers if a.case_id in cases]
    resource = {"attributes": _attributes({"service.name": run.app})}
    for start in range(0, len(known), BATCH):
        part = known[start : start + BATCH]
        spans = [_span(a, verdicts.get(a.answer_id, []), cases[a.case_id], run) for a in part]
        scope = {"scope": {"name": "flywheel_pipeline.evals"}, "spans": spans}
        yield {"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}


def _span(answer: CaseAnswer, verdicts: Sequence[EvalResult], case: GoldenCase, run: Run) -> dict[str, Any]:
    digest = hashlib.sha256(answer.answer_id.encode()).hexdigest()
    values = {
        "messages": json.dumps([_message(m) for m in json.loads(case.messages)], ensure_ascii=False),
        "reply": json.dumps([_reply(answer)], ensure_ascii=False)
        if answer.output or answer.tool_calls != "[]"
        else None,
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
        "prompt_name": run.prompt_name,
        "prompt_version": answer.prompt_version,
    }
    attributes = {
        "gen_ai.operation.name": "chat",
        **{run.names[field]: value for field, value in values.items()},
        **({"error.type": answer.error} if answer.error else {}),
        "flywheel.case_id": case.case_id,
        "flywheel.split": case.split,
        "flywheel.repeat": answer.repeat,
    }
    return {
        "traceId": digest[:32],
        "spanId": digest[32:48],
        "name": "chat",
        "kind": CLIENT,
        "startTimeUnixNano": str(run.ended_at_ns - round(answer.latency_ms * 1_000_000)),
        "endTimeUnixNano": str(run.ended_at_ns),
        "attributes": _attributes(attributes),
        "events": [_event(r, run) for r in verdicts],
        "status": {"code": ERROR, "message": answer.error} if answer.error else {},
    }


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    role, content = message.get("role"), text_of(message.get("content"))
    text: list[dict[str, Any]] = [{"type": "text", "content": content}] if content else []
    if role == "tool":
        text = [{"type": "tool_call_response", "id": message.get("tool_call_id"), "response": content}]
    return {"role": role, "parts": [*text, *_calls(message.get("tool_calls"))]}


def _calls(calls: Any) -> list[dict[str, Any]]:
    """Return the tool calls of a message or an answer as parts."""
    found = [c for c in calls or [] if isinstance(c, Mapping)]
    functions = [(c.get("id"), c["function"] if isinstance(c.get("function"), Mapping) else c) for c in found]
    return [
        {"type": "tool_call", "id": call_id, "name": f.get("name"), "arguments": f.get("arguments")}
        for call_id, f in functions
    ]


def _reply(answer: CaseAnswer) -> dict[str, Any]:
    text = [{"type": "text", "content": answer.output}] if answer.output else []
    parts = [*text, *_calls(json.loads(answer.tool_calls))]
    return {"role": "assistant", "parts": parts, "finish_reason": answer.finish_reason or "stop"}


def _event(result: EvalResult, run: Run) -> dict[str, Any]:
    attributes = {
        "gen_ai.evaluation.name": result.evaluator,
        "gen_ai.evaluation.score.label": result.label,
        "gen_ai.evaluation.score.value": result.score,
        "gen_ai.evaluation.explanation": result.explanation or None,
        "error.type": result.error,
        "annotator_kind": result.annotator_kind,
    }
    return {"timeUnixNano": str(run.ended_at_ns), "name": EVALUATION, "attributes": _attributes(attributes)}


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return attributes as OTLP JSON has them; those without a value are left out."""
    return [{"key": k, "value": _value(v)} for k, v in values.items() if v is not None and v != ""]


def _value(value: str | float) -> dict[str, Any]:
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": str(value)}
