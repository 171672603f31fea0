"""Judge a sample of production traces night by night, and read what is judged and labelled."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby

from flywheel_pipeline.errors import BudgetError
from flywheel_pipeline.flows.evaluate import Evaluator, active_cases, standing_judges
from flywheel_pipeline.flows.labelled import labelled_answers, labelled_traces, picked_traces
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import ProductionVerdict, SampledTrace
from flywheel_pipeline.steps.cluster import label_weights, labelled_batch, weighted_verdicts
from flywheel_pipeline.steps.evaluate import (
    PRODUCTION_SQL,
    DrawnTrace,
    ExpertLabel,
    JudgedTrace,
    LabelledAnswer,
    Plan,
    Population,
    decides,
    judge_traces,
    mark_dev,
    read_judged,
)
from flywheel_pipeline.steps.evaluate.evaluators.learned import LearnedJudge
from flywheel_pipeline.steps.golden import LabelledTrace, calls_of, labelled_case, near_pairs

LABELLED = "labelled"
"""The part of the table with the traces that are judged because they are labelled."""

DAYS = re.compile(r"(\d{4}-\d\d-\d\d)_(\d{4}-\d\d-\d\d)_")
"""What the name of a batch begins with: its first and its last day."""

NOBODY = "no evaluator may decide yet: `flywheel evals` says what to label"
SWITCHED_OFF = "switched off: evaluate.production_traces is 0"
ELIGIBLE_SQL = "select started_at::date::varchar as day, count(*) as n from raw_traces where input != '' group by all"


@dataclass(frozen=True)
class JudgedProduction:
    """What one run judged: verdicts by day, newest first; `stopped` is why there are no more, "" if all are there."""

    verdicts: list[ProductionVerdict]
    days: list[str]
    stopped: str = ""

    @property
    def paid_usd(self) -> float | None:
        """What the verdicts cost that were not cached; None where the price of some is not known."""
        prices = [v.cost_usd for v in self.verdicts if not v.cached]
        known = [x for x in prices if x is not None]
        return float(sum(known)) if len(known) == len(prices) else None


def judge_production(bench: Workbench) -> JudgedProduction:
    """Judge a sample of the newest days' traces, and the labelled traces, by all that may decide; keep the verdicts.

    Whole days are judged, newest first, and each is kept as soon as it is: where a limit is reached, the days that are
    there are valid samples, and the next run goes on. What was asked before is answered from the cache.

    Raises:
        ModelError: a model cannot be called at all; days that were judged before are kept.
    """
    settings, llm = bench.settings.evaluate, bench.llm()
    plan = deciding_plan(bench, Evaluator(bench, llm).plan())
    if not settings.production_traces or not (plan.modes or plan.checks):
        return JudgedProduction([], [], NOBODY if settings.production_traces else SWITCHED_OFF)
    found: list[ProductionVerdict] = []
    days: list[str] = []
    try:
        for part, traces in _parts(_draw(bench)):
            rows = judge_traces(traces, plan, llm)
            bench.lake.write("production_verdicts", rows, part=part)
            found += rows
            days += [part] if part != LABELLED else []
    except BudgetError as limit:
        return JudgedProduction(found, days, str(limit))
    return JudgedProduction(found, days)


def deciding_plan(bench: Workbench, plan: Plan) -> Plan:
    """Return a plan with the evaluators that may decide, as they were measured and have not changed since."""
    deciding = {a.evaluator for a in standing_judges(bench) if decides(a)}
    modes = [m for m in plan.modes if m.evaluator in deciding]
    return replace(plan, modes=modes, checks=[c for c in plan.checks if c.row_name in deciding])


def _draw(bench: Workbench) -> list[DrawnTrace]:
    """Return the traces to judge, the newest days first."""
    settings = bench.settings.evaluate
    days = [str(day) for day in bench.lake.frame(ELIGIBLE_SQL)["day"]]
    until = date.fromisoformat(max(days)) if days else bench.settings.capture.first_day
    values = {
        "since": (until - timedelta(days=settings.production_days - 1)).isoformat(), "until": until.isoformat(),
        "size": settings.production_traces, "seed": bench.settings.sample.seed,
        "labelled": [t.trace_id for t in labelled_traces(bench)],
    }  # fmt: skip
    with bench.lake.connect() as con:
        rows = con.execute(PRODUCTION_SQL, values).fetchall()
    found = []
    for trace_id, day, probability, n_day, version, session, messages, retrieved, output in rows:
        trace = LabelledTrace(trace_id, session, messages, retrieved, output, False, None, None, None)
        if case := labelled_case(trace):
            answer = LabelledAnswer(case, calls=calls_of(trace))
            found.append(DrawnTrace(answer, day, version, probability, n_day))
    return found


def _parts(traces: Sequence[DrawnTrace]) -> Iterable[tuple[str, list[DrawnTrace]]]:
    """Yield the labelled traces, which every rate needs, and then the sample of every day."""
    yield LABELLED, [t for t in traces if t.probability is None]
    for day, own in groupby((t for t in traces if t.probability is not None), lambda t: t.day):
        yield day, list(own)


@dataclass(frozen=True)
class Production:
    """What is known of production: judged traces, by all that decide now, labels, and {day: traces of the day}."""

    judged: Sequence[JudgedTrace]
    labels: Sequence[ExpertLabel]
    n_by_day: Mapping[str, int]
    modes: Sequence[str]
    """The modes with an evaluator that decides."""
    window: tuple[str, str] | None
    """First and last day of the batch whose labels are weighted to production."""

    def within(self, since: str, until: str, name: str) -> Population | None:
        """Return the population of some days; None unless all of them with traces have been judged for the mode."""
        n = {day: n for day, n in self.n_by_day.items() if since <= day <= until}
        judged = [t for t in self.judged if since <= t.day <= until]
        missing = n.keys() - {t.day for t in judged if t.weight is not None and name in t.cells}
        return None if missing or not n else Population(sum(n.values()), judged, self.labels)

    @property
    def everything(self) -> Population:
        """Everything that is judged and labelled, whatever its day: for the errors of the judges."""
        return Population(sum(self.n_by_day.values()), self.judged, self.labels)


def read_production(bench: Workbench) -> Production:
    """Return what is known of production, from the tables."""
    plan = deciding_plan(bench, Evaluator(bench, bench.llm()).plan())
    evaluators = {m.evaluator: m.mode_id for m in plan.modes} | {c.row_name: c.mode_id for c in plan.checks}
    model = plan.judge_model
    versions = [*(m.version(model) for m in plan.modes), *(c.version(model) for c in plan.checks)]
    wanted = "evaluator_version in (select unnest(?::varchar[])) and trace_id in (select trace_id from raw_traces)"
    rows = bench.lake.read("production_verdicts", ProductionVerdict, wanted, [versions]) if versions else []
    days = bench.lake.frame(ELIGIBLE_SQL)
    n_by_day = dict(zip(days["day"].astype(str), days["n"].astype(int), strict=True))
    labels, window = _labels(bench, plan)
    judged = read_judged((r for r in rows if r.evaluator in evaluators), evaluators)
    return Production(judged, labels, n_by_day, sorted({m for m in evaluators.values() if m}), window)


def _labels(bench: Workbench, plan: Plan) -> tuple[list[ExpertLabel], tuple[str, str] | None]:
    """Return all labels, and the window of the batch whose labels are weighted to production.

    Those that a judge may have seen are marked. The others of the batch stand for them, too: their weights are made
    up for it within flagged and ordinary traces (`steps.cluster.label_weights`).
    """
    answers, samples = labelled_answers(bench), bench.lake.read("sampled_traces", SampledTrace)
    usable = _unseen(bench, answers, plan)
    traces, picked = labelled_traces(bench), picked_traces(bench)
    failed = {t.trace_id: t.failed for t in traces}
    batch = labelled_batch(failed.keys() - picked, samples)
    own = [s for s in samples if s.batch == batch]
    all_weights = {v.trace_id: v.weight for v in weighted_verdicts(failed, samples, picked)}
    weights = label_weights(own, usable - picked)
    own_weights = _weights_in_batches(samples, failed.keys() - picked)
    labels = []
    for t in traces:
        seen = t.trace_id not in usable
        weight = (all_weights if seen else weights).get(t.trace_id) if weights else None
        labels.append(ExpertLabel(t.trace_id, t.failed, t.mode_id, weight, own_weights.get(t.trace_id), seen))
    days = DAYS.match(batch or "") if any(w is not None for w in all_weights.values()) else None
    return labels, (days[1], days[2]) if days else None


def _weights_in_batches(samples: Sequence[SampledTrace], labelled: Collection[str]) -> dict[str, float]:
    """Return the weights of labelled traces in the batches that drew them, the newest where several did."""
    found: dict[str, float] = {}
    for batch in sorted({s.batch for s in samples}):
        found.update(label_weights([s for s in samples if s.batch == batch], labelled))
    return found


def _unseen(bench: Workbench, answers: Sequence[LabelledAnswer], plan: Plan) -> set[str]:
    """Return the labelled traces that no evaluator of a plan was made of."""
    learned = {t for c in plan.checks if isinstance(c.evaluator, LearnedJudge) for t in c.evaluator.seen}
    is_tuned = any(m.is_tuned for m in plan.modes)
    held = mark_dev(answers, active_cases(bench), near_pairs)
    return {a.trace_id for a in held if not (is_tuned and a.is_dev)} - learned
