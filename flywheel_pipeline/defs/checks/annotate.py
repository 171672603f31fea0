"""Checks on label files and on verdicts: what could be read, who judged, and whether it is enough to work with."""

import hashlib
import json
from collections import Counter
from typing import Any

import dagster as dg

from flywheel_pipeline.defs.factory import asset_check
from flywheel_pipeline.defs.metadata import rejects_table, table, trace_links
from flywheel_pipeline.defs.resources import LakeResource
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import Annotation, LabelLog, Reject
from flywheel_pipeline.stats import proportion
from flywheel_pipeline.steps.annotate import find_contradictions

ROWS_SQL = """
select
    l.source_file, l.n_rows,
    (select count(*) from annotations a where a.source_file = l.source_file and not a.is_superseded),
    (select count(*) from evaluator_scores s where s.source_file = l.source_file),
    (select count(*) from rejects r where r.file = l.source_file and r.source = 'labels'),
    l.n_unlabelled, l.n_joined
from label_log l order by l.source_file
"""
"""The rows of each label file as they were logged, and where they are now."""
MIN_WORDS = 3
"""Words of a comment without a code, below which there is nothing to group it by."""
MIN_LABELS, MIN_SHARE, MAX_DEFERRED = 20, 0.1, 0.2
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


def _current(lake: LakeResource, where: str = "true") -> list[Annotation]:
    return lake.lake.read("annotations", Annotation, f"is_current and {where}")


def _listed(rows: list[Annotation], bench: Workbench) -> dict[str, Any]:
    shown = [[a.trace_id, a.source_file, a.source_line, a.annotator, a.code or a.comment] for a in rows[:50]]
    found = table(("trace", "file", "line", "annotator", "comment"), shown)
    return {
        "n_found": len(rows),
        "found": found,
        "traces": trace_links(bench.page("traces"), [a.trace_id for a in rows]),
    }


@asset_check(asset="annotations")
def no_rejected_labels(lake: LakeResource) -> dg.AssetCheckResult:
    """No row of a label file was rejected; the table lists file, line and reason of each that was."""
    rejects = lake.lake.read("rejects", Reject, "source = 'labels'")
    metadata: dict[str, Any] = {"n_rejects": len(rejects), "rejects": rejects_table(rejects[:50])}
    first = f"; the first: {rejects[0].file}, line {rejects[0].line}: {rejects[0].reason}" if rejects else ""
    summary = f"{len(rejects)} rows of labels rejected{first}"
    return dg.AssetCheckResult(passed=not rejects, severity=WARN, metadata=metadata, description=summary)


@asset_check(asset="annotations", blocking=True)
def rows_match_label_files(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """Every row of a label file is a verdict, an evaluator's score, a reject, unlabelled, or joined to another row.

    A file that was added or changed since it was read is a warning: the next run reads it.
    """
    now = {f.name: f.path.read_bytes() for f in bench.home.files("labels")}
    log = {x.source_file: x for x in lake.lake.read("label_log", LabelLog)}
    same = {n for n, data in now.items() if n in log and log[n].fingerprint == hashlib.sha256(data).hexdigest()}
    changed = sorted({*now, *log} - same)
    off = [row for row in lake.lake.frame(ROWS_SQL).values.tolist() if row[0] in same and row[1] != sum(row[2:])]
    names = ("file", "rows", "verdicts", "evaluator scores", "rejected", "unlabelled", "joined")
    return dg.AssetCheckResult(
        passed=not off and not changed,
        severity=ERROR if off else WARN,
        description=f"{len(off)} files whose rows do not add up; changed since they were read: "
        f"{', '.join(changed) or 'none'}",
        metadata={"n_files": len(same), "n_files_off": len(off), "off": table(names, off[:20])},
    )


@asset_check(asset="annotations")
def label_files_clear(lake: LakeResource) -> dg.AssetCheckResult:
    """Nothing about a label file as a whole is doubtful: its columns, its sheets, its dates."""
    notes = [(x.source_file, note) for x in lake.lake.read("label_log", LabelLog) for note in json.loads(x.notes)]
    first = f"; the first: {notes[0][0]}: {notes[0][1]}" if notes else ""
    return dg.AssetCheckResult(
        passed=not notes,
        severity=WARN,
        description=f"{len(notes)} doubts about label files{first}",
        metadata={"n_notes": len(notes), "notes": table(("file", "note"), [list(n) for n in notes[:50]])},
    )


@asset_check(asset="annotations", blocking=True)
def annotators_known(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """Every verdict is by the arbiter or one of `annotate.annotators`; without such a list anyone may judge."""
    settings = bench.settings.annotate
    known = {settings.arbiter, *settings.annotators}
    given = lake.lake.read("annotations", Annotation, "not is_superseded")
    strange = [a for a in given if settings.annotators and a.annotator not in known]
    names = ", ".join(sorted({a.annotator for a in strange}))
    summary = f"not in annotate.annotators: {names}; add them, or correct the files" if strange else "all are known"
    return dg.AssetCheckResult(passed=not strange, description=summary, metadata=_listed(strange, bench))


@asset_check(asset="annotations", blocking=True)
def no_unresolved_contradictions(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """No two verdicts on a trace contradict each other; of those that do, none counts until someone resolves it."""
    found = find_contradictions(lake.lake.read("annotations", Annotation), bench.settings.annotate.arbiter)
    rows = [
        [c.trace_id, a.source_file, a.source_line, a.annotator, a.verdict, c.remedy] for c in found for a in c.parties
    ]
    summary = f"{len(found)} traces; the first: {found[0]}" if found else "none"
    listed = table(("trace", "file", "line", "annotator", "verdict", "what to do"), rows[:100])
    traces = trace_links(bench.page("traces"), [c.trace_id for c in found])
    metadata: dict[str, Any] = {"n_traces": len(found), "verdicts": listed, "traces": traces}
    return dg.AssetCheckResult(passed=not found, description=summary, metadata=metadata)


@asset_check(asset="annotations", blocking=True)
def failures_explained(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """Every fail has a comment or a code."""
    fails = lake.lake.read("annotations", Annotation, "verdict = 'fail'")
    silent = [a for a in fails if a.code is None and a.comment is None]
    summary = f"{len(silent)} of {len(fails)} fails have neither comment nor code"
    return dg.AssetCheckResult(passed=not silent, description=summary, metadata=_listed(silent, bench))


@asset_check(asset="annotations")
def failures_described(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """Every failure has a code, or a comment of at least three words: shorter ones cannot be grouped."""
    short = [
        a for a in _current(lake, "verdict = 'fail' and code is null") if len((a.comment or "").split()) < MIN_WORDS
    ]
    summary = f"{len(short)} failures are described in fewer than {MIN_WORDS} words"
    return dg.AssetCheckResult(passed=not short, severity=WARN, description=summary, metadata=_listed(short, bench))


@asset_check(asset="annotations")
def both_verdicts_present(lake: LakeResource) -> dg.AssetCheckResult:
    """Passes and failures are each at least 10 % of the verdicts (from 20 verdicts on): aligning a judge needs both."""
    counts = Counter(a.verdict for a in _current(lake, "verdict != 'defer'"))
    n = counts.total()
    rare = min(("pass", "fail"), key=lambda v: counts[v])
    passed = n < MIN_LABELS or counts[rare] >= MIN_SHARE * n
    summary = f"{rare}: {proportion(counts[rare], n)}" if n else "no verdicts yet"
    metadata = {"n_pass": counts["pass"], "n_fail": counts["fail"]}
    return dg.AssetCheckResult(passed=passed, severity=WARN, description=summary, metadata=metadata)


@asset_check(asset="annotations")
def few_deferred(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """No more than a fifth of the traces are deferred: else the rubric, or the trace as shown, is not sufficient."""
    rows = _current(lake)
    deferred = [a for a in rows if a.verdict == "defer"]
    summary = f"deferred: {proportion(len(deferred), len(rows))}" if rows else "no verdicts yet"
    passed = len(deferred) <= MAX_DEFERRED * len(rows)
    return dg.AssetCheckResult(passed=passed, severity=WARN, description=summary, metadata=_listed(deferred, bench))


LABEL_CHECKS = [
    no_rejected_labels,
    rows_match_label_files,
    label_files_clear,
    annotators_known,
    no_unresolved_contradictions,
    failures_explained,
    failures_described,
    both_verdicts_present,
    few_deferred,
]
