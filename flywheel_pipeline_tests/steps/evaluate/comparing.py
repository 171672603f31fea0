"""Cases under two versions, in a few characters each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flywheel_pipeline.records import EvalResult, JudgeAlignment
from flywheel_pipeline.steps.evaluate.case_change import MISSING, CaseChange, Judged, judge_case
from flywheel_pipeline_tests.builders import an_alignment, an_eval_result

RUDE, MADE_UP = "judge:rude", "judge:made-up"
TRUSTED: Sequence[JudgeAlignment] = (
    an_alignment(evaluator=RUDE, mode_id="rude"),
    an_alignment(evaluator=MADE_UP, mode_id="made-up", status="advisory"),
)
"""One judge that may decide, and one that may not."""
LABELS: Mapping[str, str | None] = {"p": "pass", "f": "fail", "u": "unsure", "-": None}


def verdicts(labels: str, evaluator: str = RUDE, **changes: Any) -> list[EvalResult]:
    """One verdict per letter (pass, fail, unsure, - for an error), each on a repeat of the answer, which was given."""
    answered = [
        an_eval_result(evaluator="answered", evaluator_version="1", repeat=n, annotator_kind="CODE")
        for n in range(len(labels))
    ]
    judged = [
        an_eval_result(
            evaluator=evaluator, repeat=n, label=LABELS[x], error=None if LABELS[x] else "timed out", **changes
        )
        for n, x in enumerate(labels)
    ]
    return [*answered, *judged]


def judged(labels: str | None, evaluator: str = RUDE) -> Judged:
    """What the verdicts say; None is a case that this version was not asked."""
    return MISSING if labels is None else judge_case(verdicts(labels, evaluator), TRUSTED)


def a_change(case_id: str, before: str | None, after: str | None, **changes: Any) -> CaseChange:
    return CaseChange(case_id, judged(before), judged(after), **changes)


def some_changes(**numbers: int) -> list[CaseChange]:
    """So many cases of each pair of letters: `pp=19, pf=1`."""
    return [a_change(f"{pair}-{n}", pair[0], pair[1]) for pair, many in numbers.items() for n in range(many)]
