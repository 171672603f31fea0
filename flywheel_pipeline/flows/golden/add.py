"""Make golden cases of traces that a person names: checked at once, never left out by a quota."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flywheel_pipeline.adapters.home.files import GOLDEN_FILE, PENDING_FILE
from flywheel_pipeline.errors import EditError
from flywheel_pipeline.flows.golden.grow import in_modes_now, pinned_cases
from flywheel_pipeline.flows.golden.leaks import find_leaks
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import FailureMode
from flywheel_pipeline.steps.capture.redact import Redactor
from flywheel_pipeline.steps.deploy.templates import variables_in
from flywheel_pipeline.steps.golden import LabelledTrace, addition, dump_case, load_cases, load_pending
from flywheel_pipeline.steps.golden.pick import Placed, Wanted, draft_picked, place_picked

ADDED_IN = "picked"
"""What `added_in` says of cases that a person made of a trace."""
TRACES_SQL = """
select r.trace_id, r.session_id, r.messages, r.retrieved, r.output, coalesce(a.verdict = 'fail', false),
    coalesce(a.comment, a.code), a.first_failure_step, f.mode_id, coalesce(a.extra, '{}'),
    coalesce(a.verdict in ('pass', 'fail'), false), f.trace_id is not null
from raw_traces r left join (from annotations where is_current) a using (trace_id)
left join failure_assignments f using (trace_id)
where r.trace_id in (select unnest(?))
"""


@dataclass(frozen=True)
class Made:
    """What became of one trace: a case and what is to be known about it, or why it is none."""

    trace_id: str
    placed: Placed | None
    problem: str = ""
    warnings: tuple[str, ...] = ()
    """Where the text of a new test case can be read already, and whether the case is evaluated for now."""


def check_cases(bench: Workbench, wanted: Mapping[str, Wanted]) -> list[Made]:
    """Return what `add_cases` would make of {trace: what its case is to be}; nothing is written."""
    return _make(bench, wanted, bench.home.append_only(GOLDEN_FILE).read().rows)


def add_cases(bench: Workbench, wanted: Mapping[str, Wanted]) -> list[Made]:
    """Add a case for every trace, {trace: what its case is to be}; what cannot be a case is reported.

    The table `golden_set` has the new cases at once; they are evaluated with the next run.
    """
    done: list[list[Made]] = []

    def lines(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        done.append(_make(bench, wanted, rows))
        return addition(rows, [dump_case(c) for c in _new(done[-1])])

    rows = bench.home.append_only(GOLDEN_FILE).extend(lines)
    made = done[-1]
    if not _new(made):
        return made
    pinned = bench.settings.golden.version
    cases = pinned_cases(rows, pinned) if pinned else load_cases(rows)
    bench.lake.write("golden_set", in_modes_now(bench, cases))
    return _with_warnings(bench, made, pinned)


def _make(bench: Workbench, wanted: Mapping[str, Wanted], rows: Sequence[dict[str, Any]]) -> list[Made]:
    found = {r[0]: r for r in bench.lake.rows(TRACES_SQL, [list(wanted)])}
    modes = {m.mode_id for m in bench.lake.read("failure_taxonomy", FailureMode)}
    problems: dict[str, str] = {}
    drafts, templates = {}, bench.accepted_templates()
    for trace_id, asked in wanted.items():
        try:
            if trace_id not in found:
                raise EditError(f"no captured trace has the id {trace_id[:80]!r}")
            *fields, is_labelled, is_assigned = found[trace_id]
            _check_mode(asked.mode_id, fields[8], is_assigned, modes)
            trace = replace(LabelledTrace(*fields), variables=variables_in(templates, fields[2]))
            drafts[trace_id] = draft_picked(trace, is_labelled, _redacted(bench, asked))
        except EditError as error:
            problems[trace_id] = str(error)
    taken = {p.case_id for p in load_pending(bench.home.append_only(PENDING_FILE).read().rows).waiting}
    placed = place_picked(list(drafts.values()), load_cases(rows), taken, bench.embed, ADDED_IN) if drafts else []
    by_id = {p.draft.case_id: p for p in placed}
    mine = {i: by_id[d.case_id] for i, d in drafts.items()}
    return [Made(i, mine[i], mine[i].reason) if i in mine else Made(i, None, problems[i]) for i in wanted]


def _check_mode(wanted: str | None, assigned: str | None, is_assigned: bool, modes: Collection[str]) -> None:
    """Check that a case can be of a mode: one whose trace is assigned follows that assignment.

    Raises:
        EditError: it cannot.
    """
    if wanted and wanted not in modes:
        raise EditError(f"there is no failure mode {wanted[:80]!r}")
    if wanted and is_assigned and wanted != assigned:
        raise EditError(f"the trace is assigned to {assigned or 'no failure mode'}: move it on the page Failure modes")


def _redacted(bench: Workbench, wanted: Wanted) -> Wanted:
    """Remove personal data and secrets from what a person wrote, as from all that is captured."""
    capture = bench.settings.capture
    clean = Redactor(capture.redact, capture.redact_salt.get_secret_value()).redact_text
    reference, criteria = (None if t is None else clean(t) for t in (wanted.reference, wanted.criteria))
    return replace(wanted, reference=reference, criteria=criteria)


def _new(made: Sequence[Made]) -> list[Any]:
    found = {m.placed.case.case_id: m.placed.case for m in made if m.placed and m.placed.case and m.placed.is_new}
    return list(found.values())


def _with_warnings(bench: Workbench, made: Sequence[Made], pinned: str | None) -> list[Made]:
    waits = f"golden.version pins {pinned}: the case is not evaluated until that setting is removed"
    found = {c.case_id: [waits] for c in _new(made) if pinned}
    for leak in find_leaks(bench):
        found.setdefault(leak.case_id, []).append(f"its text is in {leak.where}: {leak.remedy}")
    return [replace(m, warnings=tuple(found.get(_case_id(m), ()))) for m in made]


def _case_id(made: Made) -> str:
    return made.placed.case.case_id if made.placed and made.placed.case else ""


def describe(made: Made) -> list[str]:
    """Return what became of a trace in lines for people."""
    if made.problem or made.placed is None or made.placed.case is None:
        return [f"{made.trace_id}: no case: {made.problem}"]
    case, placed = made.placed.case, made.placed
    if not placed.is_new:
        return [f"{made.trace_id}: {case.case_id} is there already ({case.kind}, {case.split})"]
    near = f"; it asks nearly the same as {', '.join(placed.near[:3])}, and shares their split" if placed.near else ""
    lines = [f"{made.trace_id}: {case.case_id}, {case.kind}, {case.split}{near}"]
    return [*lines, *(f"  warning: {text}" for text in made.warnings)]
