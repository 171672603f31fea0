"""Checks on what people said: who they are, and whether it is enough to work with."""

import hashlib
from collections import Counter
from typing import Any

import dagster as dg

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.adapters.quality import Expectation, run_expectations
from flywheel_pipeline.defs.counting import count_rows
from flywheel_pipeline.defs.metadata import rejects_table, table
from flywheel_pipeline.defs.resources import LakeResource
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import Annotation, LabelLog, Reject
from flywheel_pipeline.stats import proportion
from flywheel_pipeline.steps.annotate import find_contradictions, read_labels

MIN_WORDS = 3
"""Words of a comment without a code, below which there is nothing to group it by."""
MIN_LABELS, MIN_SHARE, MAX_DEFERRED = 20, 0.1, 0.2
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


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


@dg.asset_check(asset="annotations")
def no_rejected_labels(lake: LakeResource) -> dg.AssetCheckResult:
    """No row of a label file had to be rejected; the table tells file, line and reason of each that was."""
    rejects = lake.lake.read("rejects", Reject, "source = 'labels'")
    metadata: dict[str, Any] = {"n_rejects": len(rejects), "rejects": rejects_table(rejects[:50])}
    first = f"; the first: {rejects[0].file}, line {rejects[0].line}: {rejects[0].reason}" if rejects else ""
    told = f"{len(rejects)} rows of labels rejected{first}"
    return dg.AssetCheckResult(passed=not rejects, severity=WARN, metadata=metadata, description=told)


@dg.asset_check(asset="annotations", blocking=True)
def rows_match_label_files(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """The table and the rejects together are the label files, row for row.

    A file that came or changed since it was read is a warning: the next run takes it in.
    """
    log = {x.source_file: x.fingerprint for x in lake.lake.read("label_log", LabelLog)}
    now = {f.name: f.path.read_bytes() for f in bench.home.files("labels")}
    same = {n: data for n, data in now.items() if log.get(n) == hashlib.sha256(data).hexdigest()}
    other = sorted({*now, *log} - set(same))
    off = [row for name, data in same.items() for row in _compare(lake.lake, name, data)]
    return dg.AssetCheckResult(
        passed=not off and not other,
        severity=ERROR if off else WARN,
        description=f"{len(off)} differences; not as they were read: {', '.join(other) or 'none'}",
        metadata={
            "n_files": len(same),
            "n_differences": len(off),
            "differences": table(("file", "line", "what"), off[:20]),
            "changed_since": ", ".join(other) or "none",
        },
    )


def _compare(lake: Lake, name: str, data: bytes) -> list[list[object]]:
    """Return what differs between a label file and the rows that came of it."""
    stored = lake.read("annotations", Annotation, "source_file = ? and not is_superseded", [name])
    rejected = lake.read("rejects", Reject, "source = 'labels' and file = ?", [name])
    read = read_labels(name, data)
    found: list[list[object]] = []
    n, told = count_rows(name, data), (len(stored), len(rejected), read.n_unlabelled)
    if n != sum(told):
        found.append([name, 0, "{} rows in the file, {} in the table, {} rejected, {} not filled in".format(n, *told)])
    lines = {r.line for r in rejected}
    said, kept = Counter(_fact(a) for a in read.annotations), Counter(_fact(a) for a in stored)
    found += [[name, f[0], f"the table says {f[1:]}, the file does not"] for f in kept - said]
    return found + [
        [name, f[0], f"the file says {f[1:]}, the table does not"] for f in said - kept if f[0] not in lines
    ]


def _fact(a: Annotation) -> tuple[int, str, str, str, str | None, str | None]:
    return a.source_line, a.trace_id, a.annotator, a.verdict, a.code, a.comment


LABEL_CHECKS = [
    no_rejected_labels, rows_match_label_files,
    annotators_known, no_unresolved_contradictions, failures_explained, failures_described, both_verdicts_present,
    few_deferred,
]  # fmt: skip
