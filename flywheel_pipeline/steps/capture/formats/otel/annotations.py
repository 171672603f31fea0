"""Scores that travel with spans.

OpenInference (`spec/annotations.md`): `annotations.N.annotation.{name,score,label,explanation,annotator_kind}` on
the judged span, `evaluations.N.evaluation.*` on an EVALUATOR span whose one Span Link names the judged span.
OpenTelemetry GenAI: the event `gen_ai.evaluation.result`. Neither promises a range or a direction of scores: what
they mean is decided in `opinions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flywheel_pipeline.steps.capture.formats.opinions import Opinion
from flywheel_pipeline.steps.capture.messages import loads

_EVENT = {
    "name": "gen_ai.evaluation.name", "score": "gen_ai.evaluation.score.value",
    "label": "gen_ai.evaluation.score.label", "explanation": "gen_ai.evaluation.explanation",
    "annotator_kind": "annotator_kind",
}  # fmt: skip

_AUTHORS = ("annotator", "annotator_id", "user_name", "username", "user_id", "author")


def listed(value: Any) -> list[Mapping[str, Any]]:
    """Return the judgements in the value of `annotations` or `evaluations`, each without its wrapper."""
    decoded = loads(value)
    items = decoded if isinstance(decoded, list) else [decoded]
    inner = [next((i[k] for k in ("annotation", "evaluation") if isinstance(i, dict) and k in i), i) for i in items]
    return [i for i in inner if isinstance(i, dict)]


def of_event(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the judgement in an event `gen_ai.evaluation.result`."""
    return {key: attributes.get(name) for key, name in _EVENT.items()}


def opinion_of(item: Mapping[str, Any], about: tuple[str, str | None], at: datetime | None, alone: bool) -> Opinion:
    """Return a judgement (see `listed`, `of_event`) as an opinion; `about` is (trace id, span id).

    `alone` is whether its span is nothing else.
    """
    explanation = item.get("explanation")
    metadata = loads(item.get("metadata"))
    named = [item, metadata] if isinstance(metadata, dict) else [item]
    author = next((v for i in named for k in _AUTHORS if isinstance(v := i.get(k), str) and v), None)
    return Opinion(
        about[0], str(item.get("name") or "annotation"), item.get("score"), str(item.get("annotator_kind") or ""),
        explanation if isinstance(explanation, str) else None, at, item.get("label"), alone=alone, author=author,
        step_id=about[1],
    )  # fmt: skip
