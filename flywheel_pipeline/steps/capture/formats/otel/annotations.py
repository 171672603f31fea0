"""Judgements that travel with spans -> a user's feedback, or tags.

OpenInference (`spec/annotations.md`): `annotations.N.annotation.{name,score,label,explanation,annotator_kind}` on
the judged span, `evaluations.N.evaluation.*` on an EVALUATOR span whose one Span Link names the judged span.
OpenTelemetry GenAI: the event `gen_ai.evaluation.result`. What a person said (`annotator_kind` HUMAN) is the
trace's feedback, all else becomes tags. OpenInference promises neither a range nor a direction of scores, so a
score counts as feedback only where label or name leave no doubt; otherwise it stays a tag.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import as_json, clean
from flywheel_pipeline.steps.capture.messages import loads

GOOD = frozenset(
    "thumbs_up thumbsup thumb_up up upvote positive good like liked helpful correct pass passed satisfied true yes "
    "👍 accurate acceptable".split()
)
BAD = frozenset(
    "thumbs_down thumbsdown thumb_down down downvote negative bad dislike disliked unhelpful not_helpful incorrect "
    "fail failed unsatisfied dissatisfied false no 👎 wrong inaccurate unacceptable".split()
)
ADVERSE = ("halluc", "toxic", "harm", "bias", "error", "fail", "issue", "frustrat", "refus", "leak", "unsafe", "risk",
           "severity", "violation", "bad", "negative", "jailbreak", "injection", "incorrect", "wrong")  # fmt: skip
"""What, in the name of a criterion, makes a high score or a `yes` a bad one, as far as one can tell."""

MAX_TEXT = 500
_EVENT = {
    "name": "gen_ai.evaluation.name", "score": "gen_ai.evaluation.score.value",
    "label": "gen_ai.evaluation.score.label", "explanation": "gen_ai.evaluation.explanation",
    "annotator_kind": "annotator_kind",
}  # fmt: skip


@dataclass(slots=True)
class Judgement:
    """What the judgements on one span come to."""

    score: float | None = None
    comment: str | None = None
    is_human: bool = False
    tags: dict[str, Any] = field(default_factory=dict)


def judge(items: Iterable[Any]) -> Judgement:
    """Return what judgements (see `listed`, `of_event`) say; of several by people the last score, all comments."""
    made = Judgement()
    comments: list[str] = []
    for item in items:
        human = str(item.get("annotator_kind") or "").upper() == "HUMAN"
        score = score_of(item) if human else None
        if human:
            made.is_human = True
            made.score = made.score if score is None else score
            comments += [clean(item["explanation"])] if isinstance(item.get("explanation"), str) else []
        _note(item, made.tags, human, score is not None)
    made.comment = "\n".join(c for c in comments if c) or None
    return made


def listed(value: Any) -> list[Mapping[str, Any]]:
    """Return the judgements in the value of `annotations` or `evaluations`, each without its wrapper."""
    decoded = loads(value)
    items = decoded if isinstance(decoded, list) else [decoded]
    inner = [next((i[k] for k in ("annotation", "evaluation") if isinstance(i, dict) and k in i), i) for i in items]
    return [i for i in inner if isinstance(i, dict)]


def of_event(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the judgement that an event `gen_ai.evaluation.result` tells."""
    return {key: attributes.get(name) for key, name in _EVENT.items()}


def score_of(item: Mapping[str, Any]) -> float | None:
    """Return a person's judgement as 1 (good) to 0 (bad); None where it could mean either."""
    name = str(item.get("name") or "").lower()
    if any(word in name for word in ADVERSE):
        return None
    label = str(item.get("label") or "").strip().lower().replace(" ", "_").replace("-", "_")
    if label in GOOD or label in BAD:
        return float(label in GOOD)
    score = item.get("score")
    if isinstance(score, int | float) and 0 <= score <= 1:
        return float(score)
    return None


def _note(item: Mapping[str, Any], tags: dict[str, Any], human: bool, scored: bool) -> None:
    """Keep as tags what did not become feedback."""
    name = clean(str(item.get("name") or "judgement"))[:100]
    for key in ("score", "label", "explanation"):
        value = item.get(key)
        if value in (None, "", [], {}) or (human and (key == "explanation" or (scored and key == "score"))):
            continue
        kept = clean(value)[:MAX_TEXT] if isinstance(value, str) else value
        tags[f"annotation.{name}" + ("" if key == "score" else f".{key}")] = (
            kept if isinstance(kept, str | bool) or _is_number(kept) else as_json(kept)[:MAX_TEXT]
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < 2**63
