"""Judge a sample of production traces, and read their verdicts: by failure mode, and by all that decide together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files

from flywheel_pipeline.ports import Answer, Engine
from flywheel_pipeline.records import CaseAnswer, EvalResult, Json, ProductionVerdict
from flywheel_pipeline.steps.evaluate.alignment import COMPOSITE
from flywheel_pipeline.steps.evaluate.cells import Plan, digest
from flywheel_pipeline.steps.evaluate.evaluators.judgement import NO_TEXT
from flywheel_pipeline.steps.evaluate.labelled import LabelledAnswer
from flywheel_pipeline.steps.evaluate.measure import as_new
from flywheel_pipeline.steps.evaluate.repeats import majority
from flywheel_pipeline.steps.evaluate.run import judge_given

PRODUCTION_SQL = files(__package__).joinpath("production.sql").read_text(encoding="utf-8")
"""The traces to judge; its parameters are `since`, `until`, `size` (per day), `seed` and `labelled` (trace ids)."""

NO_ANSWER = "the app gave no answer"

PASS, FAIL, UNSURE = "pass", "fail", "unsure"


@dataclass(frozen=True)
class DrawnTrace:
    """A trace to judge: its last answer as a case, and with what probability the sample of its day contains it.

    One without a probability is judged because it is labelled: verdict and label together show the judges' errors.
    """

    answer: LabelledAnswer
    day: str
    prompt_version: str | None
    probability: float | None
    n_day: int


def judge_traces(traces: Sequence[DrawnTrace], plan: Plan, engine: Engine) -> list[ProductionVerdict]:
    """Return a row per trace and evaluator of `plan`; of a judge's repeats the majority counts.

    Labelled traces are asked about like all others: neither remark nor reference is shown. An evaluator that breaks
    leaves a row with an error and without a label; where there is no text to judge, the label is `unsure`.
    """

    async def judge(trace: DrawnTrace) -> list[EvalResult]:
        case, answer = as_new(trace.answer)
        if answer.is_empty:
            return [_not_judged(trace, name, version) for name, version in _evaluators(plan)]
        return majority(await judge_given(case, (_row(trace, answer), answer), plan, engine))

    modes = {m.evaluator: m.mode_id for m in plan.modes} | {c.row_name: c.mode_id for c in plan.checks}
    found = engine.map(judge, traces)
    return [_verdict(t, r, modes.get(r.evaluator)) for t, rows in zip(traces, found, strict=True) for r in rows]


def _evaluators(plan: Plan) -> list[tuple[str, str]]:
    model = plan.judge_model
    return [
        *((m.evaluator, m.version(model)) for m in plan.modes),
        *((c.row_name, c.version(model)) for c in plan.checks),
    ]


def _row(trace: DrawnTrace, answer: Answer) -> CaseAnswer:
    """Return the answer of production as a row that evaluators take."""
    return CaseAnswer(
        answer_id=digest(trace.answer.trace_id), case_id=trace.answer.case.case_id,
        prompt_version=trace.prompt_version or "", app_version="", repeat=0, output=answer.output, error=None,
        finish_reason=None, tool_calls=Json("[{}]" if answer.tool_calls else "[]"), retrieved_ids=Json("[]"),
        input_tokens=0, output_tokens=0, cost_usd=None, latency_ms=0.0, cached=False, inputs=Json("{}"),
    )  # fmt: skip


def _not_judged(trace: DrawnTrace, evaluator: str, version: str) -> EvalResult:
    return EvalResult(
        case_id=trace.answer.case.case_id, prompt_version=trace.prompt_version or "", evaluator=evaluator,
        evaluator_version=version, repeat=0, label=UNSURE, score=None, explanation=NO_ANSWER, annotator_kind="CODE",
        cost_usd=0.0, cached=False,
    )  # fmt: skip


def _verdict(trace: DrawnTrace, row: EvalResult, mode_id: str | None) -> ProductionVerdict:
    if row.error == NO_TEXT:
        row = replace(row, label=UNSURE, explanation=NO_TEXT, error=None)
    return ProductionVerdict(
        trace_id=trace.answer.trace_id, evaluator=row.evaluator, evaluator_version=row.evaluator_version,
        mode_id=mode_id, prompt_version=trace.prompt_version, session_id=trace.answer.case.session_id, day=trace.day,
        label=row.label, explanation=row.explanation, error=row.error,
        inclusion_probability=trace.probability, n_day=trace.n_day, annotator_kind=row.annotator_kind,
        cost_usd=row.cost_usd, cached=row.cached,
    )  # fmt: skip


@dataclass(frozen=True)
class JudgedTrace:
    """What the verdicts on a trace say: {mode_id, or `judges:all`: pass, fail or unsure}; what broke is not in it.

    `weight` is how many traces of its day it stands for, None where it was judged because it is labelled.
    """

    trace_id: str
    day: str
    prompt_version: str | None
    session: str
    weight: float | None
    cells: Mapping[str, str]


def read_judged(rows: Iterable[ProductionVerdict], evaluators: Mapping[str, str | None]) -> list[JudgedTrace]:
    """Return the judged traces, by id; `evaluators` is {all that decide now: mode_id}.

    Where one of a mode has no row on a trace, there is no verdict for the mode, nor for all together. A trace that was
    drawn, and is judged again because it is labelled, after its day has left the window, stays a drawn one; but what an
    evaluator says of it that decides only since is no verdict on the sample, of which it has seen the labelled traces
    only. Such a trace is returned twice, with and without a weight, each time with the verdicts of its kind.
    """
    by_trace: dict[str, dict[str, ProductionVerdict]] = defaultdict(dict)
    for row in rows:
        known = by_trace[row.trace_id].get(row.evaluator)
        if known is None or known.inclusion_probability is None:
            by_trace[row.trace_id][row.evaluator] = row
    wanted: dict[str, list[str]] = {COMPOSITE: list(evaluators)}
    for evaluator, mode_id in evaluators.items():
        wanted.setdefault(mode_id or COMPOSITE, []).append(evaluator)
    return [judged for _, own in sorted(by_trace.items()) for judged in _judged(own, wanted)]


def _judged(own: Mapping[str, ProductionVerdict], wanted: Mapping[str, Sequence[str]]) -> Iterable[JudgedTrace]:
    """Yield a trace with the verdicts that are of the sample, and with those that are there because it is labelled."""
    first = next(iter(own.values()))
    given = {name: [own[e] for e in needed] for name, needed in wanted.items() if own.keys() >= set(needed)}
    cells = {name: cell for name, rows in given.items() if (cell := _together(rows)) is not None}
    of_sample = {name: cell for name, cell in cells.items() if all(r.inclusion_probability for r in given[name])}
    others = {name: cell for name, cell in cells.items() if name not in of_sample}
    p = next((r.inclusion_probability for r in own.values() if r.inclusion_probability), None)
    whole = JudgedTrace(
        first.trace_id, first.day, first.prompt_version, first.session_id or first.trace_id, None, others
    )
    if p:
        yield replace(whole, weight=1 / p, cells=of_sample)
    if others or not p:
        yield whole


def _together(rows: Sequence[ProductionVerdict]) -> str | None:
    """Return fail if one fails it, None if one broke, else unsure if one is, else pass; as `alignment` has it."""
    labels = {r.label for r in rows}
    if FAIL in labels:
        return FAIL
    if any(r.label is None and r.error is not None for r in rows):
        return None
    return UNSURE if UNSURE in labels else PASS
