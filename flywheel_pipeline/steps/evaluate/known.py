"""Known failures: failures of golden cases that a person has approved for now.

An approved failure may stay; a pass may not fall. An approval holds for one case and one evaluator, so that the same
case may not fail for a new reason unseen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.records import EvalResult
from flywheel_pipeline.steps.evaluate.case_change import CaseChange
from flywheel_pipeline.steps.evaluate.report import case_outcomes


@dataclass(frozen=True)
class KnownFailure:
    """The approval of one failure: which evaluator may fail which case, why, and who approved it when (UTC)."""

    case_id: str
    evaluator: str
    reason: str
    by: str = ""
    at: str = ""


@dataclass(frozen=True)
class KnownReport:
    """How the verdicts on one version stand to the approvals.

    `stay` still fail; `removable` pass now, so that their approval should go; `unknown` have no verdict. `unapproved`
    is {case_id: evaluators that fail it without an approval}.
    """

    stay: tuple[KnownFailure, ...]
    removable: tuple[KnownFailure, ...]
    unknown: tuple[KnownFailure, ...]
    unapproved: Mapping[str, tuple[str, ...]]


def read_known(value: Any, name: str = "golden/known_failures.yaml") -> list[KnownFailure]:
    """Return the approvals that a reviewed file holds: a list of mappings; none for an empty file.

    Raises:
        CorruptFileError: an entry lacks the case, the evaluator or the reason, or has an unknown key; it is named.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise CorruptFileError(f"{name} must be a list of known failures, not {type(value).__name__}. Fix it.")
    return [_read_entry(entry, f"{name}, entry {number}") for number, entry in enumerate(value, 1)]


def _read_entry(entry: Any, place: str) -> KnownFailure:
    known = [f.name for f in fields(KnownFailure)]
    if not isinstance(entry, dict):
        raise CorruptFileError(f"{place} must be a mapping with {', '.join(known)}. Fix it.")
    strange = [str(k) for k in entry if k not in known]
    if strange:
        raise CorruptFileError(f"{place} has an unknown key: {strange[0]}; allowed keys: {', '.join(known)}")
    missing = [k for k in ("case_id", "evaluator", "reason") if not str(entry.get(k) or "").strip()]
    if missing:
        raise CorruptFileError(f"{place} has no {missing[0]}: every approval names its case, evaluator and reason.")
    return KnownFailure(**{k: str(entry.get(k) or "").strip() for k in known})


def dump_known(approved: Sequence[KnownFailure]) -> list[dict[str, str]]:
    """Return the approvals as the reviewed file holds them, by case."""
    return [asdict(k) for k in sorted(approved, key=lambda k: (k.case_id, k.evaluator))]


def known_failures(
    results: Sequence[EvalResult], evaluators: Collection[str], approved: Sequence[KnownFailure]
) -> KnownReport:
    """Return how the verdicts of `evaluators` on one version stand to the approvals.

    `results` are one row per answer and evaluator (`majority`). A case fails by an evaluator when one of its answers
    does, and passes when all do; with an answer that has no verdict, and none that fails, it is unknown. An approval
    for an evaluator that is not among `evaluators` is unknown, too: nothing shows that it is not needed.
    """
    by_evaluator: dict[str, list[EvalResult]] = defaultdict(list)
    for r in results:
        if r.evaluator in evaluators:
            by_evaluator[r.evaluator].append(r)
    passed: set[tuple[str, str]] = set()
    for evaluator, rows in by_evaluator.items():
        passed |= {(case, evaluator) for case, passes in case_outcomes(rows, (evaluator,)).items() if passes}
    failed = {(r.case_id, e) for e, rows in by_evaluator.items() for r in rows if r.label == "fail"}
    return _sort_out(passed, failed, approved)


def known_in(cases: Iterable[CaseChange], evaluators: Collection[str], approved: Sequence[KnownFailure]) -> KnownReport:
    """Return how the version after of compared cases stands to the approvals, as `known_failures` does for rows."""
    passed: set[tuple[str, str]] = set()
    failed: set[tuple[str, str]] = set()
    for case in cases:
        failed |= {(case.case_id, e) for e in case.after.failing if e in evaluators}
        passed |= {(case.case_id, e) for e in evaluators if case.after.by(e) == 1}
    return _sort_out(passed, failed, approved)


def _sort_out(
    passed: Collection[tuple[str, str]], failed: Collection[tuple[str, str]], approved: Sequence[KnownFailure]
) -> KnownReport:
    may_fail = approvals(approved)
    unapproved: dict[str, tuple[str, ...]] = {}
    for case, evaluator in sorted(set(failed) - may_fail):
        unapproved[case] = (*unapproved.get(case, ()), evaluator)
    return KnownReport(
        tuple(k for k in approved if (k.case_id, k.evaluator) in failed),
        tuple(k for k in approved if (k.case_id, k.evaluator) in passed),
        tuple(k for k in approved if (k.case_id, k.evaluator) not in {*passed, *failed}),
        unapproved,
    )


def approvals(approved: Sequence[KnownFailure]) -> set[tuple[str, str]]:
    """Return the (case_id, evaluator) that may fail."""
    return {(k.case_id, k.evaluator) for k in approved}


def approve(
    approved: Sequence[KnownFailure], case_id: str, evaluators: Collection[str], reason: str, by: str, at: str
) -> list[KnownFailure]:
    """Return the approvals with those of a case's failures by `evaluators`; an older one of the same is replaced."""
    new = [KnownFailure(case_id, e, reason.strip(), by, at) for e in sorted(evaluators)]
    kept = [k for k in approved if (k.case_id, k.evaluator) not in approvals(new)]
    return [*kept, *new]
