"""Checks on what people said: who they are, and whether it is enough to work with."""

from collections import Counter
from typing import Any

import dagster as dg

from flywheel_pipeline.adapters.quality import Expectation, run_expectations
from flywheel_pipeline.defs.metadata import table
from flywheel_pipeline.defs.resources import LakeResource, Workbench
from flywheel_pipeline.records import Annotation
from flywheel_pipeline.stats import proportion
from flywheel_pipeline.steps.annotate import find_contradictions

MIN_WORDS = 3
"""Words of a comment without a code, below which there is nothing to group it by."""
MIN_LABELS, MIN_SHARE, MAX_DEFERRED = 20, 0.1, 0.2
WARN = dg.AssetCheckSeverity.WARN


def _current(lake: LakeResource, where: str = "true") -> list[Annotation]:
    return lake.lake.read("annotations", Annotation, f"is_current and {where}")


def _listed(rows: list[Annotation]) -> dict[str, Any]:
    told = [[a.source_file, a.source_line, a.annotator, a.code or a.comment] for a in rows[:50]]
    return {"n_found": len(rows), "found": table(("file", "line", "annotator", "what was said"), told)}


@dg.asset_check(asset="annotations", blocking=True)
def annotators_known(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """Every verdict is by the arbiter or one of `annotate.annotators`; without such a list anybody may judge."""
    settings = bench.settings.annotate
    known = {settings.arbiter, *settings.annotators}
    said = lake.lake.read("annotations", Annotation, "not is_superseded")
    strange = [a for a in said if settings.annotators and a.annotator not in known]
    names = ", ".join(sorted({a.annotator for a in strange}))
    told = f"not in annotate.annotators: {names}; add them, or correct the files" if strange else "all are known"
    return dg.AssetCheckResult(passed=not strange, description=told, metadata=_listed(strange))


@dg.asset_check(asset="annotations", blocking=True)
def no_unresolved_contradictions(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """No two verdicts on a trace contradict each other; while they do, none of them counts until somebody decides."""
    found = find_contradictions(lake.lake.read("annotations", Annotation), bench.settings.annotate.arbiter)
    rows = [
        [c.trace_id, a.source_file, a.source_line, a.annotator, a.verdict, c.remedy] for c in found for a in c.parties
    ]
    told = f"{len(found)} traces; the first: {found[0]}" if found else "none"
    listed = table(("trace", "file", "line", "annotator", "verdict", "what to do"), rows[:100])
    metadata: dict[str, Any] = {"n_traces": len(found), "verdicts": listed}
    return dg.AssetCheckResult(passed=not found, description=told, metadata=metadata)


@dg.asset_check(asset="annotations", blocking=True)
def failures_explained(lake: LakeResource) -> dg.AssetCheckResult:
    """Every fail has a comment or a code."""
    frame = lake.lake.frame("select coalesce(code, comment) as reason from annotations where verdict = 'fail'")
    wanted = [Expectation("reason_present", "reason", "expect_column_values_to_not_be_null")]
    (found,) = run_expectations(frame, wanted, {})
    silent = lake.lake.read("annotations", Annotation, "verdict = 'fail' and coalesce(code, comment) is null")
    told = f"{found.n_unexpected} of {found.n_rows} fails have neither comment nor code"
    return dg.AssetCheckResult(passed=found.passed, description=told, metadata=_listed(silent))


@dg.asset_check(asset="annotations")
def failures_described(lake: LakeResource) -> dg.AssetCheckResult:
    """Every failure has a code, or a comment of at least three words: shorter ones can not be grouped."""
    short = [
        a for a in _current(lake, "verdict = 'fail' and code is null") if len((a.comment or "").split()) < MIN_WORDS
    ]
    told = f"{len(short)} failures are described in fewer than {MIN_WORDS} words"
    return dg.AssetCheckResult(passed=not short, severity=WARN, description=told, metadata=_listed(short))


@dg.asset_check(asset="annotations")
def both_verdicts_present(lake: LakeResource) -> dg.AssetCheckResult:
    """Neither passes nor failures are under 10 % of 20 verdicts and more: a judge has to see both to be aligned."""
    counts = Counter(a.verdict for a in _current(lake, "verdict != 'defer'"))
    n = counts.total()
    rare = min(("pass", "fail"), key=lambda v: counts[v])
    passed = n < MIN_LABELS or counts[rare] >= MIN_SHARE * n
    told = f"{rare}: {proportion(counts[rare], n)}" if n else "no verdicts yet"
    metadata = {"n_pass": counts["pass"], "n_fail": counts["fail"]}
    return dg.AssetCheckResult(passed=passed, severity=WARN, description=told, metadata=metadata)


@dg.asset_check(asset="annotations")
def few_deferred(lake: LakeResource) -> dg.AssetCheckResult:
    """No more than a fifth of the traces are deferred: else the rubric, or what is shown of a trace, does not do."""
    rows = _current(lake)
    deferred = [a for a in rows if a.verdict == "defer"]
    told = f"deferred: {proportion(len(deferred), len(rows))}" if rows else "no verdicts yet"
    passed = len(deferred) <= MAX_DEFERRED * len(rows)
    return dg.AssetCheckResult(passed=passed, severity=WARN, description=told, metadata=_listed(deferred))


LABEL_CHECKS = [
    annotators_known, no_unresolved_contradictions, failures_explained, failures_described, both_verdicts_present,
    few_deferred,
]  # fmt: skip
