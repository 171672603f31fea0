"""Measure every judge and every evaluator of a failure mode against the expert, and decide whether it may vote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from flywheel_pipeline.ports import LLM
from flywheel_pipeline.records import JudgeAlignment, JudgeVerdict
from flywheel_pipeline.stats import JudgeError, Recall, weighted_rate
from flywheel_pipeline.steps.evaluate.cells import Plan
from flywheel_pipeline.steps.evaluate.consistency import Consistency, check_consistency
from flywheel_pipeline.steps.evaluate.evaluators.configured import Check
from flywheel_pipeline.steps.evaluate.evaluators.judge import ModeToJudge
from flywheel_pipeline.steps.evaluate.labelled import LabelledAnswer, ask_judges, is_of

COMPOSITE = "judges:all"
"""The row of all that decide together: an answer passes when none of them fails it."""

NOT_APPLICABLE, SEEN = "not applicable", "seen"
"""In the place of a label: the evaluator does not apply to the answer, or was made of its verdict."""

MIN_YOUDEN = 0.4
"""Lower 95 % bound of Youden's J (both recalls - 1) from which a judge may decide."""

MAX_P_GUESS = 0.01
"""Largest probability of recognising so many passes, or fails, by guessing, with which a judge may decide.

So a judge that misses half of the failures, or of the passes, is trusted in at most 1 % of cases, whatever the number
of labels: the test is exact. Every judge without information (J <= 0) is one of these. `benchmarks.judges` prints the
rates of the whole rule.
"""


@dataclass(frozen=True)
class Aligned:
    """The judges as measured against the expert, and all verdicts on labelled answers that show it."""

    rows: list[JudgeAlignment]
    verdicts: list[JudgeVerdict]


def align_judges(
    answers: Sequence[LabelledAnswer], plan: Plan, llm: LLM, n_checked: int = 0, measured: Sequence[Measured] = ()
) -> Aligned:
    """Return the agreement with the expert of every mode's judge, of `measured`, and of all that decide together.

    Each judge is asked what it is asked when it decides. Its fails are the failures of its mode among `answers`
    (`held_out`), its passes the answers that passed. Failures of other modes count for the last row only, since no
    label says whether they show its mode, too; only trusted judges are asked about them, and these verdicts are not
    returned. Of repeats the majority counts, as it does when the judge decides. On `n_checked` answers each judge's
    consistency is checked (`check_consistency`).
    """
    own = [(m, a) for m in plan.modes for a in answers if is_of(a, m)]
    repeats = range(plan.judge_repeats)
    found = ask_judges(own, plan, llm, repeats)
    asked = list(zip(own, found, strict=True))
    labels = {(m.mode_id, a.trace_id): majority_label([v.label for v in vs]) for (m, a), vs in asked}
    consistency, checks = check_consistency(asked, plan, llm, n_checked) if n_checked else ({}, [])
    rows = []
    for m in plan.modes:
        own_labels = [(a, labels[m.mode_id, a.trace_id]) for a in answers if is_of(a, m)]
        row = _alignment(m.evaluator, m.mode_id, m.version(plan.judge_model), own_labels)
        rows.append(_with_consistency(row, consistency.get(m.evaluator, Consistency())))
    trusted = [m for m, row in zip(plan.modes, rows, strict=True) if row.status == "trusted"]
    aligned = [(check, align_check(check, answers)) for check in measured]
    voting = [check for check, row in aligned if row and decides(row)]
    together = _align_together(answers, (trusted, voting), labels, plan, llm)
    rows += [row for _, row in aligned if row]
    return Aligned([*rows, *together], [*(v for verdicts in found for v in verdicts), *checks])


@dataclass(frozen=True)
class Measured:
    """An evaluator of `evaluators.yaml` with the label that it gave each labelled answer; see also `NOT_APPLICABLE`."""

    check: Check
    version: str
    labels: Sequence[str | None]


def align_check(measured: Measured, answers: Sequence[LabelledAnswer]) -> JudgeAlignment | None:
    """Return the agreement of an evaluator with the expert; None for one of all answers that is no requirement.

    One of a failure mode earns its vote as a judge does. A requirement decides whatever the expert says: it is no
    measurement of her verdict.
    """
    check = measured.check
    if check.mode_id is None and not check.requirement:
        return None
    row = agreement(measured, answers)
    return replace(row, status="requirement", need_fails=0, need_passes=0) if check.requirement else row


def agreement(measured: Measured, answers: Sequence[LabelledAnswer]) -> JudgeAlignment:
    """Return how far an evaluator agrees with the expert: on passes, and on failures of its mode, or all if of none."""
    mode = measured.check.mode_id
    own = [
        (a, label)
        for a, label in zip(answers, measured.labels, strict=True)
        if mode is None or not a.failed or a.case.mode_id == mode
    ]
    return _alignment(measured.check.row_name, mode, measured.version, own)


def decides(row: JudgeAlignment) -> bool:
    """Return whether an evaluator's verdict counts: it agrees with the expert, or is what was agreed."""
    return row.status == "requirement" or (row.status == "trusted" and row.mode_id is not None)


def _align_together(
    answers: Sequence[LabelledAnswer],
    deciding: tuple[Sequence[ModeToJudge], Sequence[Measured]],
    labels: Mapping[tuple[str, str], str | None],
    plan: Plan,
    llm: LLM,
) -> list[JudgeAlignment]:
    """Return the row of all that decide together, none without one; dev does not count if a judge was tuned on it."""
    trusted, voting = deciding
    is_tuned = any(m.is_tuned for m in trusted)
    counted = [a for a in answers if not (is_tuned and a.is_dev)]
    others = [(m, a) for m in trusted for a in counted if not is_of(a, m)]
    found = ask_judges(others, plan, llm, range(plan.judge_repeats)) if others else []
    more = {(m.mode_id, a.trace_id): majority_label([v.label for v in vs])
            for (m, a), vs in zip(others, found, strict=True)}  # fmt: skip
    known = {**labels, **more}
    by_code = [dict(zip((a.trace_id for a in answers), m.labels, strict=True)) for m in voting]
    together = [
        (a, _together([*(known[m.mode_id, a.trace_id] for m in trusted), *(c[a.trace_id] for c in by_code)]))
        for a in counted
    ]
    return [_alignment(COMPOSITE, None, "", together)] if trusted or voting else []


def majority_label(labels: Sequence[str | None]) -> str | None:
    """Return the most frequent label, unsure for a tie, None where every repeat broke."""
    counts = Counter(label for label in labels if label is not None).most_common(2)
    if len(counts) > 1 and counts[0][1] == counts[1][1]:
        return "unsure"
    return counts[0][0] if counts else None


def _with_consistency(row: JudgeAlignment, found: Consistency) -> JudgeAlignment:
    return replace(
        row, n_repeated=found.repeated.n, repeat_agreement=found.repeated.share,
        n_swapped=found.swapped.n, swap_agreement=found.swapped.share,
    )  # fmt: skip


def _together(labels: Sequence[str | None]) -> str | None:
    """Return what all say together: fail if one fails it, pass if all pass it that apply to it, else no verdict.

    Nothing is measured where one of them has learned from the verdict.
    """
    if SEEN in labels:
        return SEEN
    if "fail" in labels:
        return "fail"
    if None in labels:
        return None
    return "unsure" if "unsure" in labels else "pass"


def _alignment(
    evaluator: str, mode_id: str | None, version: str, verdicts: Sequence[tuple[LabelledAnswer, str | None]]
) -> JudgeAlignment:
    """Compare a judge's labels with the expert's; `unsure` recognises nothing, an error is no verdict at all."""
    verdicts = [(a, label) for a, label in verdicts if label not in (NOT_APPLICABLE, SEEN)]
    given = [(a, label) for a, label in verdicts if label is not None]
    fails = [(a, label == "fail") for a, label in given if a.failed]
    passes = [(a, label == "pass") for a, label in given if not a.failed]
    error = JudgeError(_recall(passes), _recall(fails))
    in_production = JudgeError(*(_recall([x for x in kind if not x[0].picked], True) for kind in (passes, fails)))
    need_fails, need_passes = labels_needed(error)
    fail_rate, pass_rate = error.fails.rate, error.passes.rate
    return JudgeAlignment(
        evaluator=evaluator, mode_id=mode_id, evaluator_version=version,
        n_fail=len(fails), n_pass=len(passes), n_unsure=sum(label == "unsure" for _, label in given),
        n_broken=len(verdicts) - len(given),
        fail_recall=fail_rate.value if fails else None, fail_recall_low=fail_rate.low if fails else None,
        pass_recall=pass_rate.value if passes else None, pass_recall_low=pass_rate.low if passes else None,
        youden=error.youden.value, youden_low=error.youden_low, kappa=_kappa(error),
        majority=max(len(fails), len(passes)) / len(given) if given else None,
        production_fail_recall=in_production.fails.rate.value if in_production.fails.n else None,
        production_n_fail=in_production.fails.n,
        production_pass_recall=in_production.passes.rate.value if in_production.passes.n else None,
        production_n_pass=in_production.passes.n,
        need_fails=need_fails, need_passes=need_passes, status=_status(error),
    )  # fmt: skip


def _recall(outcomes: Sequence[tuple[LabelledAnswer, bool]], weighted: bool = False) -> Recall:
    """Return what a judge recognised; weighted to production it counts as many as Kish's effective size."""
    if not weighted or not outcomes or any(a.weight is None for a, _ in outcomes):
        return Recall(sum(right for _, right in outcomes), len(outcomes))
    weights = [a.weight or 1.0 for a, _ in outcomes]
    n = sum(weights) ** 2 / sum(w * w for w in weights)
    return Recall(weighted_rate([right for _, right in outcomes], weights).value * n, n)


def may_decide(error: JudgeError) -> bool:
    """Return whether errors like these are small enough, and measured well enough, to decide by."""
    return error.may_decide(MIN_YOUDEN, MAX_P_GUESS)


def _status(error: JudgeError) -> str:
    """Return trusted; unusable where even the upper bound of J is too low; else advisory."""
    if may_decide(error):
        return "trusted"
    return "unusable" if error.youden_high < MIN_YOUDEN else "advisory"


def _kappa(error: JudgeError) -> float | None:
    """Return Cohen's kappa of judge and expert; None where one of the two never varies."""
    tp, fn = error.fails.n_right, error.fails.n - error.fails.n_right
    tn, fp = error.passes.n_right, error.passes.n - error.passes.n_right
    n = tp + fn + tn + fp
    by_chance = ((tp + fp) * (tp + fn) + (tn + fn) * (tn + fp)) / n**2 if n else 1.0
    return ((tp + tn) / n - by_chance) / (1 - by_chance) if by_chance < 1 else None


MOST = 200
"""Labels of a kind up to which `labels_needed` looks for enough."""


def labels_needed(error: JudgeError) -> tuple[int, int]:
    """Return how many more fails and passes would let the judge decide if it went on as it did; (0, 0) if it may.

    With no labels of a kind the judge is taken to be right. Where `MOST` more would not do, the counts are -1.
    """
    if may_decide(error):
        return 0, 0
    wanted = [_until(r, lambda x: x.p_guess <= MAX_P_GUESS) for r in (error.fails, error.passes)]
    for extra in range(MOST):
        grown = [_grown(r, n + extra) for r, n in zip((error.fails, error.passes), wanted, strict=True)]
        if -1 not in wanted and may_decide(JudgeError(grown[1], grown[0])):
            return wanted[0] + extra, wanted[1] + extra
    return -1, -1


STALE = "has changed since it was measured: the next run measures it again"


def mark_stale(alignment: Iterable[JudgeAlignment], versions: Mapping[str, str]) -> list[JudgeAlignment]:
    """Return the evaluators with those advisory that have changed since; `versions` is {evaluator: its version now}.

    Its agreement is then that of another evaluator. So is what all did together if one that decided has changed: that
    row is left out.
    """
    rows = list(alignment)
    stale = {a.evaluator for a in rows if a.evaluator != COMPOSITE and versions.get(a.evaluator) != a.evaluator_version}
    changed = any(decides(a) for a in rows if a.evaluator in stale)
    return [
        replace(a, status="advisory", need_fails=0, need_passes=0) if a.evaluator in stale else a
        for a in rows
        if a.evaluator != COMPOSITE or not changed
    ]


def is_stale(alignment: JudgeAlignment) -> bool:
    """Return whether `mark_stale` found that it has changed: it may not decide, and no label is missing."""
    return alignment.status == "advisory" and not (alignment.need_fails or alignment.need_passes)


def next_step(alignment: JudgeAlignment) -> str:
    """Return what would let a judge decide that may not yet."""
    if decides(alignment):
        return "may decide"
    if is_stale(alignment):
        return STALE
    if _is_broken(alignment):
        n = alignment.n_broken + alignment.n_pass + alignment.n_fail
        return f"gave no verdict on {alignment.n_broken} of {n} labelled answers: `judge_verdicts.error` says why"
    if alignment.status == "unusable" or alignment.need_fails < 0:
        unsure = 2 * alignment.n_unsure > alignment.n_pass + alignment.n_fail
        what = "is mostly unsure" if unsure else "disagrees with the expert"
        return f"{what}: compare its verdicts with the labels, and sharpen the definition"
    needs = (alignment.need_fails, "fail", "fails"), (alignment.need_passes, "pass", "passes")
    wanted = [f"{n} more {one if n == 1 else many}" for n, one, many in needs if n]
    return f"label {' and '.join(wanted)}"


def _is_broken(alignment: JudgeAlignment) -> bool:
    """Return whether most labelled answers got no verdict at all: more labels would not help."""
    return alignment.n_broken > alignment.n_pass + alignment.n_fail


def what_to_label(alignment: JudgeAlignment, name: str) -> str:
    """Return in a sentence what would let a judge decide that may not yet; `name` is that of its failure mode."""
    if decides(alignment) or is_stale(alignment):
        return f"{name}: {next_step(alignment)}"
    seen = f"catches {_share(alignment.fail_recall, alignment.n_fail)} of its fails, "
    seen += f"recognises {_share(alignment.pass_recall, alignment.n_pass)} of the passes"
    seen += f", unsure on {alignment.n_unsure}" if alignment.n_unsure else ""
    first, colon, rest = next_step(alignment).partition(": ")
    return f"{name}: {first} ({seen}){colon}{rest}"


def _share(recall: float | None, n: int) -> str:
    return "none" if recall is None else f"{round(recall * n)} of {n}".replace(" of ", "/")


def _grown(recall: Recall, more: int) -> Recall:
    share = recall.n_right / recall.n if recall.n else 1.0
    return Recall(int(recall.n_right + share * more + 1e-9), recall.n + more)


def _until(recall: Recall, enough: Callable[[Recall], bool]) -> int:
    return next((n for n in range(MOST) if enough(_grown(recall, n))), -1)


def judge_errors(alignment: Sequence[JudgeAlignment]) -> Mapping[str, JudgeError]:
    """Return the errors of all that was measured, weighted to production where the labels are of our sample.

    A requirement has none: it does not estimate the expert's verdict.
    """
    return {
        a.evaluator: JudgeError(
            Recall((a.production_pass_recall or 0.0) * a.production_n_pass, a.production_n_pass),
            Recall((a.production_fail_recall or 0.0) * a.production_n_fail, a.production_n_fail),
        )
        for a in alignment
        if a.status != "requirement"
    }  # fmt: skip
