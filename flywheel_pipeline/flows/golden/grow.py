"""Grow the golden set from what the labels bring, and have cases written for what it lacks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flywheel_pipeline.adapters.home.files import DIMENSIONS_FILE, GOLDEN_FILE, PENDING_FILE
from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.flows.cluster.build import known_modes
from flywheel_pipeline.flows.evaluate import read_verdicts
from flywheel_pipeline.flows.labelled import labelled_traces
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import EvalResult, FailureAssignment, FailureMode, GoldenCase, JudgeAlignment
from flywheel_pipeline.steps.evaluate import case_outcomes, deciding, without_stale
from flywheel_pipeline.steps.golden import (
    Growth,
    Proposed,
    Question,
    Quotas,
    Wishes,
    active,
    addition,
    dump_case,
    dump_proposal,
    graduations,
    grow_golden_set,
    in_current_modes,
    load_cases,
    load_pending,
    propose_cases,
    variable_entries,
    version_of,
)

QUESTIONS_SQL = """
select r.input, coalesce(a.verdict = 'fail', false)
from raw_traces r left join (from annotations where is_current) a using (trace_id)
order by a.verdict is null, r.started_at desc, r.trace_id limit 5000
"""


@dataclass(frozen=True)
class Grown:
    """The golden set after a run: all its cases, and what the run did."""

    cases: list[GoldenCase]
    growth: Growth = field(default_factory=Growth)
    n_graduated: int = 0
    proposed: Proposed = field(default_factory=Proposed)
    pinned: str | None = None


def grow_home(bench: Workbench) -> Grown:
    """Grow the golden set, write its table, and have cases proposed for what it lacks."""
    grown = grow(bench)
    bench.lake.write("golden_set", grown.cases)
    return propose(bench, grown)


def grow(bench: Workbench) -> Grown:
    """Add to the file what the labels bring, in the modes of the taxonomy as it is now; a pinned version stays.

    Raises:
        HomeError: `golden.version` names no version.
        CorruptFileError: a file of `golden/` cannot be read.
    """
    file = bench.home.append_only(GOLDEN_FILE)
    if pinned := bench.settings.golden.version:
        rows = file.read().rows
        return Grown(in_modes_now(bench, pinned_cases(rows, pinned)), pinned=version_of(load_cases(rows, pinned)))
    traces = labelled_traces(bench)
    settings, modes = bench.settings.golden, bench.lake.read("failure_taxonomy", FailureMode)
    quotas = Quotas(settings.max_per_mode, settings.synthetic_per_mode)
    added_in = modes[0].version if modes else "none"
    done: list[tuple[Growth, int]] = []

    def lines(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        existing = in_modes_now(bench, load_cases(rows))
        accepted = load_pending(bench.home.append_only(PENDING_FILE).read().rows).joining(existing)
        growth = grow_golden_set(existing, traces, bench.embed, quotas, added_in, accepted)
        graduated = graduations(existing, _outcomes(bench, existing), settings.graduate_after)
        valued = variable_entries([*existing, *growth.added], {t.trace_id: t.variables for t in traces})
        done.append((growth, len(graduated)))
        return addition(rows, [*map(dump_case, growth.added), *graduated, *valued])

    cases = load_cases(file.extend(lines))
    return Grown(in_modes_now(bench, cases), *done[-1])


def cases_on_file(bench: Workbench) -> list[GoldenCase]:
    """Return the cases that are evaluated according to the file, in the modes of the taxonomy as it is now, if any.

    The table `golden_set` is that of the last run; the file also has what was imported or retired since.
    """
    rows, pinned = bench.home.append_only(GOLDEN_FILE).read().rows, bench.settings.golden.version
    cases = load_cases(rows, pinned) if pinned else active(load_cases(rows))
    return in_modes_now(bench, cases) if bench.lake.read("failure_taxonomy", FailureMode) else cases


def pinned_cases(rows: Sequence[dict[str, Any]], version: str) -> list[GoldenCase]:
    """Return the cases of a version as they stood then, and after them the others, which are not evaluated."""
    then = load_cases(rows, version)
    mine = {c.case_id for c in then}
    others = [c for c in load_cases(rows) if c.case_id not in mine]
    return [*then, *(c if c.status == "retired" else replace(c, status="other version") for c in others)]


def in_modes_now(bench: Workbench, cases: Sequence[GoldenCase]) -> list[GoldenCase]:
    """Return the cases in the modes of the taxonomy as it is now."""
    assigned = {a.trace_id: a.mode_id for a in bench.lake.read("failure_assignments", FailureAssignment)}
    return in_current_modes(cases, assigned, known_modes(bench, bench.lake.read("failure_taxonomy", FailureMode)))


def _outcomes(bench: Workbench, cases: Sequence[GoldenCase]) -> list[tuple[str, dict[str, bool]]]:
    """Return how the cases did under the prompts that were in production, the newest last.

    A case has none where nothing that may decide judges its mode, or applies to it; nor has a failure of no mode. A
    verdict by another version of an evaluator than the one that was measured does not count.
    """
    alignment = bench.lake.read("judge_alignment", JudgeAlignment)
    trusted = deciding(alignment)
    guards = {a.evaluator: a.mode_id for a in alignment if a.evaluator in trusted}
    mode_of = {c.case_id: c.mode_id for c in cases if c.kind != "happy_path"}
    happy = {c.case_id for c in cases if c.kind == "happy_path"} if guards else set[str]()
    prompts = list(dict.fromkeys(reversed(bench.registry.history())))[::-1]
    found = [(p, without_stale(read_verdicts(bench, p), alignment)) for p in prompts]
    return [(p, _known(rows, trusted, guards, mode_of, happy)) for p, rows in found if rows]


def _known(
    rows: Sequence[EvalResult],
    trusted: Collection[str],
    guards: Mapping[str, str | None],
    mode_of: Mapping[str, str | None],
    happy: Collection[str],
) -> dict[str, bool]:
    """Return the outcomes of happy paths, and of the cases that an evaluator of their own mode has judged."""
    judged = {
        r.case_id
        for r in rows
        if r.label in ("pass", "fail") and (mode := guards.get(r.evaluator)) and mode_of.get(r.case_id) == mode
    }
    return {c: ok for c, ok in case_outcomes(rows, trusted).items() if c in judged or c in happy}


def propose(bench: Workbench, grown: Grown) -> Grown:
    """Have cases written for what the set still lacks; they wait in the home for review."""
    if grown.pinned:
        return grown
    settings = bench.settings.golden
    wishes = Wishes(
        settings.paraphrases_per_mode, settings.adversarial, dimensions(bench), settings.invalid,
        settings.max_tuples, settings.min_realism,
    )  # fmt: skip
    done: list[Proposed] = []

    def lines(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        pending = load_pending(rows)
        done.append(propose_cases(grown.cases, pending, bench.llm(), bench.embed, wishes, bench.settings.app.name))
        return [dump_proposal(p) for p in done[-1].new]

    bench.home.append_only(PENDING_FILE).extend(lines)
    return replace(grown, proposed=done[-1])


def dimensions(bench: Workbench) -> Mapping[str, Sequence[str]]:
    """Return the dimensions of `flywheel.yaml`, else those that a model proposed and a person accepted.

    Raises:
        CorruptFileError: the proposed ones cannot be read.
    """
    content = bench.home.read_yaml(DIMENSIONS_FILE) or {}
    try:
        accepted = content.get("dimensions") or {} if content.get("status") == "accepted" else {}
        found = {str(name): [str(v) for v in values] for name, values in accepted.items() if isinstance(values, list)}
    except AttributeError:
        raise CorruptFileError(f"{DIMENSIONS_FILE} must hold `status` and `dimensions: {{name: [value, …]}}`") from None
    return bench.settings.golden.dimensions or found


def questions(bench: Workbench) -> list[Question]:
    """Return what users asked: labelled traces first, then the newest."""
    return [Question(*row) for row in bench.lake.rows(QUESTIONS_SQL)]
