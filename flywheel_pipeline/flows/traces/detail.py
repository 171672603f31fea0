"""All that a home knows about one trace, beside its conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import Annotation, EvalResult, EvaluatorScore, FailureMode, Feedback, GoldenCase

MOST, SHOWN, AROUND = 200, 160, 50
"""Rows of a kind; characters of a question in the list of a session, and traces of it before and after the open one."""

IN_SESSION = """
with session as (
    select trace_id, started_at, left(input, $shown) as input,
        row_number() over (order by started_at, trace_id) as place, count(*) over () as n
    from raw_traces where session_id = $session)
select trace_id, started_at, input, place, n from session
where place between (select min(place) from session where trace_id = $trace) - $around
    and (select min(place) from session where trace_id = $trace) + $around
order by place
"""
SAMPLED = "select batch, reason, inclusion_probability, to_label from sampled_traces where trace_id = ? order by batch"
ASSIGNED = """
select f.mode_id, m.name, f.assigned_by, f.confidence
from failure_assignments f left join failure_taxonomy m using (mode_id) where f.trace_id = ?
"""


@dataclass(frozen=True)
class Sent:
    """A batch that the trace was drawn in; a trace that was judged before the draw was not `to_label`."""

    batch: str
    reason: str
    inclusion_probability: float
    to_label: bool


@dataclass(frozen=True)
class Assigned:
    """The failure mode of a trace that failed; `mode_id` and `name` are None where it is in none."""

    mode_id: str | None
    name: str | None
    assigned_by: str
    confidence: float


@dataclass(frozen=True)
class Evaluated:
    """The judgements of one golden case under one prompt: {evaluator: label or "error"}."""

    case_id: str
    prompt_version: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class InSession:
    """One trace of the same session, which is the one at `place`, from 1, of `n`."""

    trace_id: str
    started_at: datetime
    input: str
    place: int = 1
    n: int = 1


@dataclass(frozen=True)
class Known:
    """What is known about a trace; verdicts and feedback in the order of time."""

    feedback: list[Feedback]
    verdicts: list[Annotation]
    scores: list[EvaluatorScore]
    assigned: Assigned | None
    cases: list[GoldenCase]
    evaluated: list[Evaluated]
    session: list[InSession]
    """The open trace and up to `AROUND` before and after it."""
    sampled: list[Sent]
    modes: dict[str, str]
    """{mode_id: name} of all modes that a failure may be put into."""
    in_production: bool
    """Whether its prompt version is the one in production."""


def know_trace(bench: Workbench, trace_id: str, session_id: str | None, prompt_version: str | None) -> Known:
    """Return what is known about a trace of this session that was answered with this prompt."""
    lake, own = bench.lake, [trace_id]
    verdicts = lake.read("annotations", Annotation, "trace_id = ?", own, MOST)
    feedback = lake.read("feedback", Feedback, "trace_id = ?", own, MOST)
    cases = lake.read("golden_set", GoldenCase, "source_trace_id = ?", own, MOST)
    ids = [c.case_id for c in cases]
    results = lake.read("eval_results", EvalResult, "case_id in (select unnest(?))", [ids]) if ids else []
    production = bench.registry.production()
    around = {"session": session_id, "trace": trace_id, "shown": SHOWN, "around": AROUND}
    session = lake.rows(IN_SESSION, around)
    sampled, assigned = lake.rows(SAMPLED, own), lake.rows(ASSIGNED, own)
    modes = sorted(lake.read("failure_taxonomy", FailureMode), key=lambda m: m.rank)
    return Known(
        feedback=sorted(feedback, key=lambda f: (str(f.given_at or ""), f.source_file, f.source_line)),
        verdicts=sorted(verdicts, key=lambda a: (str(a.labelled_at or ""), a.source_file, a.source_line)),
        scores=lake.read("evaluator_scores", EvaluatorScore, "trace_id = ?", own, MOST),
        assigned=Assigned(*assigned[0]) if assigned else None,
        cases=cases,
        evaluated=_evaluated(results),
        session=[InSession(*row) for row in session],
        sampled=[Sent(*row) for row in sampled],
        modes={m.mode_id: m.name for m in modes if m.status != "retired"},
        in_production=production is not None and production.version == prompt_version,
    )


def _evaluated(results: Sequence[EvalResult]) -> list[Evaluated]:
    found: dict[tuple[str, str], dict[str, str]] = {}
    for r in results:
        found.setdefault((r.case_id, r.prompt_version), {})[r.evaluator] = r.label or "error"
    return [Evaluated(case, prompt, labels) for (case, prompt), labels in sorted(found.items())]


def describe_session(rows: Sequence[InSession], trace_id: str) -> dict[str, Any]:
    """Return the place of a trace in its session: {n, at, before, after}, ids of its neighbours or None."""
    ids = [r.trace_id for r in rows]
    if trace_id not in ids:
        return {"n": 0, "at": 0, "before": None, "after": None}
    at = ids.index(trace_id)
    before, after = (ids[at - 1] if at else None), (ids[at + 1] if at + 1 < len(ids) else None)
    return {"n": rows[at].n, "at": rows[at].place, "before": before, "after": after}
