"""What the tables of a home hold, in a dozen lines for a terminal. Every number is a query on the lake."""

from __future__ import annotations

import json
import re
from typing import Any

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.flows.evaluators import unplaced_evaluators
from flywheel_pipeline.flows.flips import flips_waiting
from flywheel_pipeline.flows.golden.review import pending_cases
from flywheel_pipeline.flows.production_rates import passing_lines, read_rates
from flywheel_pipeline.flows.prompt_search import read_lineage
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import DECISIONS, EvalResult, FailureMode, JudgeAlignment, PromptCandidate, PromptVersion
from flywheel_pipeline.steps.cluster.rank import NO_WEIGHTS
from flywheel_pipeline.steps.evaluate import (
    decides,
    evaluator_names,
    golden_rate,
    majority,
    what_to_label,
    without_stale,
)
from flywheel_pipeline.steps.improve.traffic import describe_gain
from flywheel_pipeline.words import count

ACTIVE = "(from golden_set where status = 'active')"
"""The golden cases that are evaluated."""

_PARTS = re.compile(r'; (?=(?:[^"]*"[^"]*")*[^"]*$)')
"""What separates the parts of a reason: a semicolon that is not within the quoted name of a failure mode."""

MOST_CANDIDATES = 3
"""Candidates whose decision is printed: the one that was evaluated comes first."""

WANTED = 4
"""Judges for which the summary says what to label."""


def summarize(bench: Workbench, calls_before: int = 0, decided: bool = True) -> list[str]:
    """Return the lines.

    `calls_before` rows of `llm_calls` are from earlier turns and not counted; where this turn did not get as far as
    the gate (`decided`), no earlier decision is shown as its own.
    """
    lake = bench.lake
    return [
        *_traces(lake),
        *_modes(lake),
        *_golden(lake),
        *_proposed(bench),
        *_evals(bench),
        *(decision_lines(bench) if decided else ["candidate  none: the run did not get as far as the gate"]),
        _calls(lake, calls_before),
    ]


def count_calls(bench: Workbench) -> int:
    """Return how many rows `llm_calls` has."""
    return int(_one(bench.lake, "select count(*) from llm_calls"))


def _one(lake: Lake, sql: str) -> Any:
    return lake.frame(sql).iat[0, 0]


def _traces(lake: Lake) -> list[str]:
    rejected = dict(
        lake.frame("select source, count(*) from rejects group by source").itertuples(index=False, name=None)
    )
    verdicts = dict(
        lake.frame("select verdict, count(*) from annotations where is_current group by verdict").itertuples(
            index=False, name=None
        )
    )
    n, files = _one(lake, "select count(*) from raw_traces"), _one(lake, "select count(*) from capture_log")
    sampled, left = lake.frame(
        "select count(distinct trace_id), count(distinct trace_id) filter (trace_id not in"
        " (select trace_id from annotations where not is_superseded and not is_picked))"
        " from sampled_traces where to_label"
    ).iloc[0]
    to_do = f", {left} of them without a verdict yet (`flywheel label`)" if left else ""
    is_export = "starts_with(source_file, '../traces/')"
    batches, exports = lake.frame(
        f"select count(distinct source_file) filter (not {is_export}), count(distinct source_file) filter ({is_export})"
        " from annotations where not is_superseded"
    ).iloc[0]
    inside = f" and {count(exports, 'trace export')}" if exports else ""
    found = ", ".join(f"{verdicts.get(v, 0)} {v}" for v in ("pass", "fail"))
    bad = {source: count(rejected.get(source, 0), "row") for source in ("traces", "labels")}
    return [
        f"captured   {count(n, 'trace')} from {count(files, 'file')}, {bad['traces']} rejected",
        f"sampled    {count(sampled, 'trace')} for the expert{to_do}",
        f"annotated  {found}, from {count(batches, 'label file')}{inside}, {bad['labels']} rejected",
    ]


def _modes(lake: Lake) -> list[str]:
    modes = sorted(lake.read("failure_taxonomy", FailureMode), key=lambda m: m.rank)
    groups = sum(m.kind == "group to review" for m in modes)
    found = [count(len(modes) - groups, "failure mode")] if groups < len(modes) or not modes else []
    found += [f"{count(groups, 'group')} to review (`flywheel taxonomy review`)"] if groups else []
    lines = [f"taxonomy   {', '.join(found)}" + (", what to fix first:" if modes else "")]
    for m in modes:
        share = f"{m.share:.1%} of {m.share_of} ({m.share_low:.1%} to {m.share_high:.1%})"
        lines.append(f"           {m.rank:2}. {m.name} [{count(m.n_failures, 'failure')}, {share}]")
    return [*lines, f"           ({NO_WEIGHTS})"] if modes and modes[0].share_of != "traffic" else lines


def _golden(lake: Lake) -> list[str]:
    if not _one(lake, f"select count(*) from {ACTIVE}"):
        return ["golden set no cases"]
    counted = [
        lake.frame(f"select {c}, count(*) from {ACTIVE} group by {c} order by {c}").itertuples(index=False, name=None)
        for c in ("kind", "split")
    ]
    found = [", ".join(f"{n} {name.replace('_', ' ')}" for name, n in found) for found in counted]
    return [f"golden set {found[0]}; {found[1]}"]


def _proposed(bench: Workbench) -> list[str]:
    waiting = pending_cases(bench).waiting
    wait = f"{count(len(waiting), 'proposed case')} {'waits' if len(waiting) == 1 else 'wait'}"
    return [f"           {wait} for `flywheel golden review`"] if waiting else []


def _evals(bench: Workbench) -> list[str]:
    lake = bench.lake
    prompts, alignment = lake.read("production_prompt", PromptVersion), lake.read("judge_alignment", JudgeAlignment)
    if not prompts or not _one(lake, f"select count(*) from {ACTIVE}"):
        return ["evals      no golden cases yet: label some of the sampled traces"]
    mine = f"prompt_version = ? and case_id in (select case_id from {ACTIVE})"
    rows = majority(lake.read("eval_results", EvalResult, mine, [prompts[0].version]))
    rows = without_stale(rows, alignment)
    rate = golden_rate(rows, alignment)
    judges = [a for a in alignment if a.mode_id]
    names = evaluator_names(judges, {m.mode_id: m.name for m in lake.read("failure_taxonomy", FailureMode)})
    wanted = [what_to_label(a, names[a.evaluator]) for a in judges if not decides(a)]
    return [
        f"evals      production prompt {prompts[0].version} "
        + (f"passes {rate}" if rate else "cannot be rated: no judge may decide yet"),
        *(f"           {line}" for line in passing_lines(read_rates(bench))),
        f"           {len(judges) - len(wanted)} of {len(judges)} judges and checks of failure modes may decide",
        *(f"           not run: {problem}" for problem in unplaced_evaluators(bench)),
        *(f"             {line}" for line in wanted[:WANTED]),
        *([f"             and {len(wanted) - WANTED} more in `judge_alignment`"] if len(wanted) > WANTED else []),
    ]


def decision_lines(bench: Workbench) -> list[str]:
    """Return the gate's last decisions on candidates, what would decide a hold, and which labels it waits for."""
    lake = bench.lake
    rows = [c for c in lake.read("prompt_candidate", PromptCandidate) if c.decision]
    rows.sort(key=lambda c: ("overall" not in json.loads(c.evidence), DECISIONS.index(str(c.decision)), c.candidate_id))
    if not rows:
        known = _one(lake, "select count(*) from failure_taxonomy")
        why = "no failure mode fails on the train or dev split" if known else "no failure modes yet"
        search = read_lineage(bench)
        return [f"candidate  none: {'; '.join(search.stopped) if search and search.stopped else why}"]
    lines = []
    for c in rows[:MOST_CANDIDATES]:
        evidence = json.loads(c.evidence)
        lines.append(f"candidate  {c.candidate_id}: {str(c.decision).upper()}")
        lines += [f"             {part}" for part in _PARTS.split(c.reason)]
        lines += [f"             {describe_gain(evidence['traffic'])}"] if "traffic" in evidence else []
        lines += [f"             to decide it: {need}" for need in evidence.get("needs", [])]
    more = len(rows) - MOST_CANDIDATES
    lines += (
        [f"             and {more} more that were held or rejected: `flywheel prompts lineage`"] if more > 0 else []
    )
    waiting = flips_waiting(bench)
    return [*lines, *([f"             {waiting}"] if waiting else [])]


def _calls(lake: Lake, before: int) -> str:
    ((made, cached, cost, unpriced),) = lake.rows(
        "select count(*) filter (not cached), count(*) filter (cached), coalesce(sum(cost_usd), 0),"
        " count(*) filter (cost_usd is null and error is null) from"
        " (select * from llm_calls order by called_at offset ?)",
        [before],
    )
    known = "cost not known" if unpriced and unpriced == made else f"{cost:.4f} USD"
    unknown = f", and {count(unpriced, 'call')} of unknown price" if unpriced and unpriced < made else ""
    return f"models     {made} calls to models, {cached} answered from the cache, {known}{unknown}"
