"""Run an evaluator of `evaluators.yaml` on labelled answers of production, and compare it with the expert."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flywheel_pipeline.ports import Answer, Engine
from flywheel_pipeline.records import GoldenCase, Json
from flywheel_pipeline.stats import quadratic_weighted_kappa
from flywheel_pipeline.steps.evaluate.alignment import NOT_APPLICABLE, SEEN, Measured, majority_label
from flywheel_pipeline.steps.evaluate.evaluators.configured import Check, Judged, judge_answer
from flywheel_pipeline.steps.evaluate.evaluators.learned import LearnedJudge
from flywheel_pipeline.steps.evaluate.evaluators.tone import Tone, rating_of
from flywheel_pipeline.steps.evaluate.labelled import LabelledAnswer


@dataclass(frozen=True)
class Trial:
    """An evaluator's judgements of labelled answers: of every repeat, in the order of the answers."""

    check: Check
    version: str
    answers: Sequence[LabelledAnswer]
    judged: Sequence[Sequence[Judged]]

    @property
    def measured(self) -> Measured:
        """The label that counts for every answer."""
        labels = [
            SEEN if _has_learned_from(self.check, a) else _label(found)
            for a, found in zip(self.answers, self.judged, strict=True)
        ]
        return Measured(self.check, self.version, labels)

    @property
    def cost_per_thousand(self) -> float | None:
        """Dollars for a thousand answers, at what the judgements cost when they were made; None if not known."""
        costs = [[j.cost_usd for j in found] for found in self.judged if found]
        if any(c is None for found in costs for c in found):
            return None
        return 1000 * sum(c or 0.0 for found in costs for c in found) / len(costs) if costs else 0.0

    def rating_agreement(self) -> tuple[int, float | None] | None:
        """Return (n, quadratic-weighted kappa) with the expert's own ratings; None for an evaluator without a scale.

        They are read from the column of the label files that has the evaluator's name: whole numbers from 1 to 5.
        """
        if not isinstance(self.check.evaluator, Tone):
            return None
        pairs = [
            (int(given), rating_of(found[0].judgement.score))
            for a, found in zip(self.answers, self.judged, strict=True)
            if (given := (a.ratings.get(self.check.name) or "").strip()) in ("1", "2", "3", "4", "5")
            and found and found[0].judgement.score is not None
        ]  # fmt: skip
        return len(pairs), quadratic_weighted_kappa([a for a, _ in pairs], [b for _, b in pairs])


def try_check(
    check: Check, version: str, answers: Sequence[LabelledAnswer], engine: Engine, app: str, repeats: int = 1
) -> Trial:
    """Return what an evaluator says of every labelled answer, asked as when it decides (`repeats` times a model)."""

    async def judge(answer: LabelledAnswer) -> list[Judged]:
        if _has_learned_from(check, answer):
            return []
        case, given = as_new(answer)
        return [
            await judge_answer(check, case, given, app, engine, repeat)
            for repeat in range(repeats if check.asks else 1)
        ]  # fmt: skip

    return Trial(check, version, answers, engine.map(judge, answers))


def as_new(answer: LabelledAnswer) -> tuple[GoldenCase, Answer]:
    """Return a labelled answer as one that was just given, and its case without what is known because of the answer.

    An answer that passed is its case's reference, and the documents that it quotes are the expected ones: with them, a
    comparison would find nothing but itself.
    """
    case, output = answer.case, answer.case.observed_output or ""
    ids = _document_ids(case)
    others = [r for r in json.loads(case.reference_alternatives or "[]") if r != output]
    is_own = case.reference == output
    expected = json.loads(case.expected_doc_ids or "[]")
    known = replace(
        case,
        reference=None if is_own else case.reference,
        reference_alternatives=Json(json.dumps(others)) if others else None,
        expected_doc_ids=None if is_own and set(expected) <= set(ids) else case.expected_doc_ids,
    )
    return known, Answer(output, retrieved_doc_ids=tuple(ids), tool_calls=answer.calls)


def _document_ids(case: GoldenCase) -> list[str]:
    documents: Sequence[Any] = json.loads(case.context)
    return [str(d["id"]) for d in documents if isinstance(d, Mapping) and d.get("id") not in (None, "")]


def _has_learned_from(check: Check, answer: LabelledAnswer) -> bool:
    return isinstance(check.evaluator, LearnedJudge) and answer.case.source_trace_id in check.evaluator.seen


def _label(found: Sequence[Judged]) -> str | None:
    """Return the majority of the repeats; an evaluator that does not apply says so every time."""
    labels = [j.judgement.label for j in found]
    if any(labels) or any(j.judgement.broken for j in found):
        return majority_label(labels)
    return NOT_APPLICABLE


@dataclass(frozen=True)
class Disagreement:
    """A labelled answer on which an evaluator and the expert differ."""

    trace_id: str
    expert: str
    evaluator: str
    reason: str
    comment: str
    answer: str


def disagreements(trial: Trial) -> list[Disagreement]:
    """Return the labelled answers that it judges otherwise than the expert: failures that it misses come first.

    Those of other failure modes are none: nobody labelled whether they show this one, too.
    """
    found = []
    for answer, label, judged in zip(trial.answers, trial.measured.labels, trial.judged, strict=True):
        other_mode = trial.check.mode_id is not None and answer.failed and answer.case.mode_id != trial.check.mode_id
        expert = "fail" if answer.failed else "pass"
        if other_mode or label in (None, SEEN, NOT_APPLICABLE, expert):
            continue
        reason = next(j.judgement.explanation for j in judged if j.judgement.label == label or label == "unsure")
        found.append(Disagreement(
            answer.case.source_trace_id or "", expert, str(label), reason,
            answer.case.criteria or "", answer.case.observed_output or "",
        ))  # fmt: skip
    return sorted(found, key=lambda d: (d.expert != "fail", d.evaluator == "unsure", d.trace_id))
