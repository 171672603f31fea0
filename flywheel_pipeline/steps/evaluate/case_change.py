"""One case under two versions: what the verdicts on its answers say, and what happened to it.

A version is a prompt, or an app with another model: anything that answered the cases and was judged. What has no
outcome is never a pass.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flywheel_pipeline.records import EvalResult, JudgeAlignment
from flywheel_pipeline.steps.evaluate.evaluators import answered, resisted
from flywheel_pipeline.steps.evaluate.repeats import majority
from flywheel_pipeline.steps.evaluate.report import case_scores, deciding

BROKEN, UNKNOWN, FLAKY, FAILS, FIXED, PASSES = (
    "broken", "not evaluated", "flaky", "still fails", "fixed", "still passes",
)  # fmt: skip
OUTCOMES = (BROKEN, UNKNOWN, FLAKY, FAILS, FIXED, PASSES)
"""What may happen to a case, worst first."""

JUDGE = "judge:"
NO_VERSIONS: Mapping[str, str] = {}


@dataclass(frozen=True)
class Judged:
    """What the verdicts on the answers to one case say.

    `score` is the share of its answers that pass by all evaluators that count; `scores` the same by each evaluator.
    Both lack what is not known. `seen` are the evaluators that gave a verdict or failed to (a row with neither says
    that the evaluator does not apply to the case), `failing` those that fail an answer.
    """

    score: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()
    failing: frozenset[str] = frozenset()

    def by(self, evaluator: str) -> float | None:
        """Return the share of the answers that pass by one evaluator, or by all that count for an empty name."""
        return self.scores.get(evaluator) if evaluator else self.score


MISSING = Judged()
"""A case without any verdict."""


def judge_case(
    rows: Sequence[EvalResult],
    alignment: Sequence[JudgeAlignment],
    versions: Mapping[str, str] = NO_VERSIONS,
    is_adversarial: bool = False,
) -> Judged:
    """Return what the rows on one case say, repeats of a judge reduced to their majority.

    Ordinary cases are decided by all that may decide (`deciding`), adversarial ones by the check `resisted` alone.
    An evaluator that gave no verdict on one of the answers, since that answer failed, has no score for the case.
    Verdicts of another version of an evaluator than that in `versions` are not known: two versions are compared by the
    same evaluators, and by judges whose errors were measured. While no judge may decide, an empty answer is a failure
    and any other answer not known.
    """
    counting = {resisted.NAME} if is_adversarial else deciding(alignment)
    known = majority([r for r in rows if versions.get(r.evaluator, r.evaluator_version) == r.evaluator_version])
    by_evaluator: dict[str, list[EvalResult]] = {}
    for r in known:
        by_evaluator.setdefault(r.evaluator, []).append(r)
    n_answers = len({r.repeat for r in rows})
    scores = {
        e: score
        for e, own in by_evaluator.items()
        for score in case_scores(own, (e,)).values()
        if len(own) == n_answers
    }
    score = next(iter(case_scores(known, counting).values()), None)
    if counting == {answered.NAME} and score:
        score = None
    failing = frozenset(r.evaluator for r in known if r.label == "fail")
    seen = frozenset(r.evaluator for r in rows if r.label is not None or r.error is not None)
    return Judged(score, scores, seen, failing)


def versions_to_compare(latest: Mapping[str, str], alignment: Sequence[JudgeAlignment]) -> dict[str, str]:
    """Return {evaluator: the version whose verdicts are compared}: that which was measured, else the `latest` one."""
    return {**latest, **{a.evaluator: a.evaluator_version for a in alignment}}


@dataclass(frozen=True)
class CaseChange:
    """One case under both versions; `question` is the beginning of the user's message."""

    case_id: str
    before: Judged
    after: Judged
    kind: str = "failure"
    mode_id: str | None = None
    family: str = ""
    split: str = "test"
    question: str = ""
    critical: bool = False

    def outcome(self, evaluator: str = "") -> str:
        """Return one of `OUTCOMES`, by one evaluator or by all that count.

        A case is flaky when repeats of a version disagree, since that alone would let it flip.
        """
        before, after = self.before.by(evaluator), self.after.by(evaluator)
        if before is None or after is None:
            return UNKNOWN
        if 0 < before < 1 or 0 < after < 1:
            return FLAKY
        if before == after:
            return PASSES if after else FAILS
        return FIXED if after else BROKEN

    def culprits(self, counting: Collection[str]) -> tuple[str, ...]:
        """Return the evaluators that count and do not pass all answers of the version after."""
        return tuple(sorted(e for e in counting if self.concerns(e) and self.after.by(e) != 1))

    def concerns(self, evaluator: str) -> bool:
        """Return whether an evaluator judges this case: a judge every ordinary one, others what they gave a row for."""
        by_judge = evaluator.startswith(JUDGE) and self.kind != "adversarial"
        return not evaluator or by_judge or evaluator in self.before.seen or evaluator in self.after.seen


def worst_first(cases: Iterable[CaseChange], evaluator: str = "") -> list[CaseChange]:
    """Return cases in the order of `OUTCOMES`; among equals a pass that was lost first, then by the size of the loss.

    A case that passed and is not evaluated now comes before one that was never evaluated.
    """

    def place(case: CaseChange) -> tuple[int, float, str]:
        before, after = case.before.by(evaluator), case.after.by(evaluator)
        return OUTCOMES.index(case.outcome(evaluator)), (after or 0.0) - (before or 0.0), case.case_id

    return sorted(cases, key=place)
