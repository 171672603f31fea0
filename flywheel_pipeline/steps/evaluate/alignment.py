"""Judge the judges: how far each agrees with the expert, on answers that the expert labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt

from flywheel_pipeline.ports import LLM
from flywheel_pipeline.records import GoldenCase, JudgeAlignment
from flywheel_pipeline.stats import Rate, proportion
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge, judge_ask, read_verdict

MIN_YOUDEN = 0.2
"""Lower 95 % bound of Youden's J (both recalls - 1) from which a judge may decide."""

FEW = 3
"""Labelled passes, and fails, below which agreement may be luck, whatever the interval says."""

ENOUGH = 5
"""Labelled passes, and fails, from which disagreement is evidence against a judge rather than lack of data."""


def align_judges(cases: Sequence[GoldenCase], modes: Sequence[ModeToJudge], llm: LLM, app: str) -> list[JudgeAlignment]:
    """Return the agreement of every mode's judge with the expert.

    Each judge sees the answers that production gave: the failures of its mode, which it should fail, and
    all answers that passed, which it should pass. Without the expert's remark on the case, which would give
    the verdict away.
    """
    blind = [c for c in cases if c.observed_output and c.kind != "synthetic"]
    work = [(m, c) for m in modes for c in blind if c.kind == "happy_path" or c.mode_id == m.mode_id]
    asks = [judge_ask(m, _without_hints(c), c.observed_output or "", app) for m, c in work]
    labels = [read_verdict(reply)[0] for reply in llm.ask(asks)]
    found = list(zip(work, labels, strict=True))
    return [_alignment(m, [(c.kind != "happy_path", label) for (mode, c), label in found if mode is m]) for m in modes]


def _without_hints(case: GoldenCase) -> GoldenCase:
    return replace(case, criteria=None, reference=None)


def _alignment(mode: ModeToJudge, verdicts: Sequence[tuple[bool, str | None]]) -> JudgeAlignment:
    """Compare (the expert failed it, the judge's label) pairs."""
    decided = [(failed, label == "fail") for failed, label in verdicts if label in ("pass", "fail")]
    fails = [judged for failed, judged in decided if failed]
    passes = [not judged for failed, judged in decided if not failed]
    fail_recall, pass_recall = proportion(sum(fails), len(fails)), proportion(sum(passes), len(passes))
    return JudgeAlignment(
        evaluator=mode.evaluator, mode_id=mode.mode_id, n_fail=len(fails), n_pass=len(passes),
        n_unsure=len(verdicts) - len(decided),
        fail_recall=fail_recall.value if fails else None, fail_recall_low=fail_recall.low if fails else None,
        pass_recall=pass_recall.value if passes else None, pass_recall_low=pass_recall.low if passes else None,
        status=_status(fail_recall, pass_recall),
    )  # fmt: skip


def _status(fail_recall: Rate, pass_recall: Rate) -> str:
    """Return trusted, unusable or unproven, by the lower bound of J (Newcombe 1998, method 10)."""
    spread = sqrt((fail_recall.value - fail_recall.low) ** 2 + (pass_recall.value - pass_recall.low) ** 2)
    few = min(fail_recall.n, pass_recall.n) < FEW
    if not few and fail_recall.value + pass_recall.value - 1 - spread >= MIN_YOUDEN:
        return "trusted"
    return "unusable" if fail_recall.n >= ENOUGH and pass_recall.n >= ENOUGH else "unproven"
