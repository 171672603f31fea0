"""A comparison as JUnit XML: one test case per golden case, for the test reports of CI systems.

A pass that fell is a failure, also one by one evaluator on a case that failed already; what has no outcome, and a pass
of which some repeats fail, is an error; what failed before, an approved failure and a case that was flaky already are
skipped with the reason.
"""

from __future__ import annotations

import re
from pathlib import Path

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from junitparser.junitparser import FinalResult

from flywheel_pipeline.flows.compare import Compared
from flywheel_pipeline.steps.evaluate import CaseChange
from flywheel_pipeline.steps.evaluate.case_change import BROKEN, FAILS, FLAKY, UNKNOWN
from flywheel_pipeline.steps.evaluate.quality import fallen, new_reasons

INVALID = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may hold (XML 1.0, section 2.2)."""


def write_junit(compared: Compared, path: Path) -> None:
    """Write the report into a file."""
    suite = TestSuite(f"golden set: {compared.before} -> {compared.after}")
    found = compared.found
    outcomes = (BROKEN, UNKNOWN, FLAKY)
    open_ones = {c.case_id for outcome in outcomes for c in fallen(found, compared.approved, outcome)}
    for case in found.cases:
        suite.add_testcase(_test_case(case, compared, case.case_id in open_ones))
    report = JUnitXml("flywheel evals")
    report.add_testsuite(suite)
    report.update_statistics()  # type: ignore[no-untyped-call]
    path.parent.mkdir(parents=True, exist_ok=True)
    report.write(str(path), pretty=True)


def _test_case(case: CaseChange, compared: Compared, is_open: bool) -> TestCase:
    made = TestCase(case.case_id, classname=valid(f"golden.{case.split}.{case.mode_id or case.kind}"))
    result = _result(case, compared, is_open)
    if result is not None:
        made.result = [result]
    return made


def _result(case: CaseChange, compared: Compared, is_open: bool) -> FinalResult | None:
    outcome = case.outcome()
    by = ", ".join(compared.name_of(e) for e in case.culprits(compared.found.counting))
    if outcome == BROKEN:
        return Failure(valid(f"passed before, fails now: {by}")) if is_open else Skipped(valid(f"approved: {by}"))
    if outcome == UNKNOWN:
        approved = case.before.score == 1 and not is_open
        return Skipped(valid(f"approved: {by}")) if approved else Error(valid(f"not evaluated: {by}"))
    if is_open and outcome in (FAILS, FLAKY):
        new = new_reasons(case, compared.found.counting, compared.approved)
        if new:
            return Failure(valid(f"fails for a new reason: {', '.join(map(compared.name_of, new))}"))
        return Error(valid(f"passed every time before, not every time now: {by}"))
    if outcome in (FAILS, FLAKY):
        return Skipped(valid(f"{outcome}: {by}"))
    return None


def valid(text: str) -> str:
    """Return a text that XML can hold."""
    return INVALID.sub("\ufffd", text)
