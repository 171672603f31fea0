"""Asset checks: great-expectations on every table, and what only this project can know.

A blocking check that fails stops the run before wrong data poisons what follows; the others warn.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.adapters.quality import Expectation, Outcome, expectations, run_expectations
from flywheel_pipeline.defs.golden_checks import GOLDEN_CHECKS
from flywheel_pipeline.defs.label_checks import LABEL_CHECKS
from flywheel_pipeline.defs.metadata import table
from flywheel_pipeline.defs.resources import LakeResource, Workbench
from flywheel_pipeline.defs.taxonomy_checks import TAXONOMY_CHECKS
from flywheel_pipeline.records import (
    TABLES,
    JudgeAlignment,
    PromptCandidate,
    Reject,
    columns,
)

KINDS = {
    "values_present": "No required value is missing",
    "ids_unique": "Ids are unique",
    "values_allowed": "Values are among those allowed",
    "numbers_in_range": "Numbers are in range",
    "references_known": "Every reference points to a row that exists",
}
"""The checks made of the expectations of `records.py`, one a kind; the name ends as theirs do."""

MAX_BROKEN, FIRST_ROWS = 10_000, 1_000
"""Rows that great-expectations is given: those that break an expectation, and others."""

NOT_BLOCKING = {"prompt_candidate"}
"""Tables that nothing in a run is made from, so that a failing check need not stop it."""

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


def build_expectation_checks(name: str) -> dg.AssetChecksDefinition:
    """Return the great-expectations checks of one table: one check a kind of expectation."""
    by_kind = {k: [e for e in expectations(name) if e.name.endswith(k[k.index("_") :])] for k in KINDS}
    used = {k: es for k, es in by_kind.items() if es}
    specs = [
        dg.AssetCheckSpec(
            k,
            asset=name,
            blocking=name not in NOT_BLOCKING,
            description=f"{KINDS[k]}: {', '.join(e.column for e in es)}.",
        )
        for k, es in used.items()
    ]

    @dg.multi_asset_check(name=f"{name}_expectations", specs=specs, can_subset=True)
    def checks(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[dg.AssetCheckResult]:
        wanted = [k for k in used if dg.AssetCheckKey(dg.AssetKey(name), k) in context.selected_asset_check_keys]
        outcomes = {o.name: o for o in run_on_lake(lake.lake, name, [e for k in wanted for e in used[k]])}
        for kind in wanted:
            yield _result(name, kind, [(e, outcomes[e.name]) for e in used[kind]])

    return checks


def run_on_lake(lake: Lake, name: str, wanted: Sequence[Expectation]) -> list[Outcome]:
    """Run expectations on a table of the lake: on every row that SQL finds to break one, and on the first rows.

    So a table of millions never becomes Python objects; of long texts only the first character is read.
    """
    if not wanted:
        return []
    needed = list(dict.fromkeys(e.column for e in wanted))
    bare = {e.column for e in wanted} - {e.column for e in wanted if not e.name.endswith("_present")}
    types = {s.name: s.sql_type for s in columns(TABLES[name])}
    cells = [f"left({c}, 1) as {c}" if c in bare and types[c] == "VARCHAR" else c for c in needed]
    broken = " or ".join(f"({breaks(name, e)})" for e in wanted)
    listed = ", ".join(cells)
    frame = lake.frame(
        f"(select {listed} from {name} where {broken} limit {MAX_BROKEN})"
        f" union all (select {listed} from {name} where not coalesce({broken}, false) limit {FIRST_ROWS})"
    )
    known = {e.references: _known(lake, frame[e.column], e.references) for e in wanted if e.references}
    n_rows = int(str(lake.frame(f"select count(*) as n from {name}").iat[0, 0]))
    return [replace(o, n_rows=n_rows) for o in run_expectations(frame, wanted, known)]


def breaks(name: str, expectation: Expectation) -> str:
    """Return the SQL condition of the rows of `name` that break an expectation."""
    c, kwargs = expectation.column, expectation.kwargs
    if expectation.references:
        other, column = expectation.references.split(".")
        return f"{c} is not null and {c} not in (select {column} from {other} where {column} is not null)"
    if "value_set" in kwargs:
        listed = ", ".join("'" + str(v).replace("'", "''") + "'" for v in kwargs["value_set"])
        return f"{c} not in ({listed})"
    if "min_value" in kwargs:
        low, high = kwargs["min_value"], kwargs["max_value"]
        ends = [f"{c} < {low}" if low is not None else "", f"{c} > {high}" if high is not None else ""]
        return " or ".join(e for e in ends if e)
    if expectation.name.endswith("_unique"):
        return f"{c} in (select {c} from {name} group by {c} having count(*) > 1)"
    return f"{c} is null"


def _known(lake: Lake, values: Iterable[Any], references: str) -> list[object]:
    other, column = references.split(".")
    asked = sorted({str(v) for v in values if v is not None and v == v})
    marks = ", ".join("?" for _ in asked) or "null"
    found: list[object] = lake.frame(f"select distinct {column} as v from {other} where {column} in ({marks})", asked)[
        "v"
    ].tolist()
    return found


def _result(name: str, kind: str, outcomes: Sequence[tuple[Expectation, Outcome]]) -> dg.AssetCheckResult:
    rows = [[e.column, o.passed, o.n_unexpected, o.problem or "; ".join(o.examples)] for e, o in outcomes]
    return dg.AssetCheckResult(
        asset_key=name,
        check_name=kind,
        passed=all(o.passed for _, o in outcomes),
        metadata={
            "n_rows": outcomes[0][1].n_rows,
            "n_unexpected": sum(o.n_unexpected for _, o in outcomes),
            "columns": table(("column", "passed", "unexpected", "examples"), rows),
        },
    )


@dg.asset_check(asset="capture_log", blocking=True)
def rows_accounted(lake: LakeResource) -> dg.AssetCheckResult:
    """Of every landing file: rows in = rows out + duplicates + rejects."""
    off = lake.lake.frame(
        "select source_file, n_rows_in, n_rows_out, n_duplicates, n_rejects from capture_log"
        " where n_rows_in != n_rows_out + n_duplicates + n_rejects order by source_file"
    )
    names = ("file", "rows in", "rows out", "duplicates", "rejects")
    told = f"{len(off)} landing files whose rows do not add up" if len(off) else "the rows of every file add up"
    return dg.AssetCheckResult(
        passed=off.empty,
        description=told,
        metadata={"n_files_off": len(off), "off": table(names, off.values.tolist()[:50])},
    )


@dg.asset_check(asset="capture_log")
def few_rejected_traces(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """No more rows of a landing file were rejected than `capture.max_reject_share` allows."""
    limit = bench.settings.capture.max_reject_share
    over = lake.lake.frame(
        "select source_file, n_rows_in, n_rejects, n_rejects / n_rows_in as share from capture_log"
        " where n_rejects > ? * n_rows_in order by n_rejects desc, source_file",
        [limit],
    )
    rejects = lake.lake.read("rejects", Reject, "source = 'traces'", limit=50)
    first = f"; the first: {rejects[0].file}, line {rejects[0].line}: {rejects[0].reason}" if rejects else ""
    told = f"Files with more than {limit:.1%} of their rows rejected: {len(over)}{first}"
    return dg.AssetCheckResult(
        passed=over.empty,
        severity=WARN,
        description=told,
        metadata={
            "files": table(("file", "rows in", "rejects", "share"), over.values.tolist()[:50]),
            "rejects": table(("file", "line", "reason", "excerpt"), _told(rejects)),
        },
    )


def _told(rejects: Sequence[Reject]) -> list[list[Any]]:
    return [[r.file, r.line, r.reason, r.excerpt] for r in rejects]


@dg.asset_check(asset="failure_assignments")
def every_failure_assigned(lake: LakeResource) -> dg.AssetCheckResult:
    """Every failure that counts belongs to a mode; those that fit none, or wait for an answer, are listed."""
    open_ones = lake.lake.frame(
        "select trace_id, coalesce(code, comment) as text"
        " from annotations left join failure_assignments using (trace_id)"
        " where is_current and verdict = 'fail' and mode_id is null order by all"
    )
    told = table(("trace_id", "failure"), open_ones.head(20).values.tolist())
    return dg.AssetCheckResult(
        passed=open_ones.empty, severity=WARN, metadata={"n_unassigned": len(open_ones), "unassigned": told}
    )


@dg.asset_check(asset="judge_alignment", blocking=True)
def judges_agree_with_expert(lake: LakeResource) -> dg.AssetCheckResult:
    """A judge that contradicts the expert must not decide: with no judge left to trust, the run stops here."""
    rows = lake.lake.read("judge_alignment", JudgeAlignment)
    status = Counter(a.status for a in rows)
    stop = status["unusable"] > 0 and status["trusted"] == 0
    told = [[a.evaluator, a.status, a.n_fail, a.n_pass, a.n_unsure] for a in rows if a.status != "trusted"]
    return dg.AssetCheckResult(
        passed=status["trusted"] == len(rows),
        severity=ERROR if stop else WARN,
        description=f"{status['trusted']} of {len(rows)} judges agree with the expert well enough to decide",
        metadata={
            **{f"n_{s}": status[s] for s in ("trusted", "unproven", "unusable")},
            "not_trusted": table(("judge", "status", "labelled fails", "labelled passes", "unsure"), told),
        },
    )


@dg.asset_check(asset="eval_results")
def every_answer_judged(lake: LakeResource) -> dg.AssetCheckResult:
    """No evaluator broke; one that did leaves a row with the error and without a score."""
    broken = lake.lake.frame(
        "select case_id, evaluator, explanation from eval_results where label is null order by all"
    )
    told = table(("case_id", "evaluator", "error"), broken.head(20).values.tolist())
    return dg.AssetCheckResult(passed=broken.empty, severity=WARN, metadata={"n_broken": len(broken), "broken": told})


@dg.asset_check(asset="prompt_candidate")
def gate(lake: LakeResource) -> dg.AssetCheckResult:
    """The gate lets the candidate ship; `flywheel promote` refuses one that it does not."""
    decided = [c for c in lake.lake.read("prompt_candidate", PromptCandidate) if c.decision]
    refused = [c for c in decided if c.decision != "ship"]
    best = next((c for c in decided if c.decision == "ship"), None)
    told = table(("candidate", "decision", "reason"), [[c.candidate_id, c.decision, c.reason] for c in decided])
    passed = best is not None or not refused
    why = "; ".join(f"{c.candidate_id} {c.decision}: {c.reason}" for c in decided) or "no candidate"
    metadata: dict[str, Any] = {"n_candidates": len(decided), "decisions": told}
    return dg.AssetCheckResult(passed=passed, severity=WARN, metadata=metadata, description=why)


def build_checks() -> list[dg.AssetChecksDefinition]:
    """Return all checks."""
    hidden = {"rejects", "captured_files", "captured_traces", "feedback", "label_log", "evaluator_scores", "llm_calls"}
    generated = [build_expectation_checks(name) for name in TABLES if name not in hidden]
    own = [rows_accounted, few_rejected_traces, every_failure_assigned,
           judges_agree_with_expert, every_answer_judged, gate]  # fmt: skip
    return [*generated, *own, *LABEL_CHECKS, *TAXONOMY_CHECKS, *GOLDEN_CHECKS]
