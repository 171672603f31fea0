"""The labelled traces of a home, with the verdict that counts and their failure mode."""

from __future__ import annotations

import json
from dataclasses import replace

from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import SampledTrace
from flywheel_pipeline.steps.cluster import weighted_verdicts
from flywheel_pipeline.steps.deploy.templates import variables_in
from flywheel_pipeline.steps.evaluate import LabelledAnswer
from flywheel_pipeline.steps.golden import LabelledTrace, calls_of, labelled_case

LABELLED_SQL = """
select r.trace_id, r.session_id, r.messages, r.retrieved, r.output, a.verdict = 'fail' as failed,
    coalesce(a.comment, a.code) as comment, a.first_failure_step, f.mode_id, coalesce(a.extra, '{}') as extra
from annotations a join raw_traces r using (trace_id) left join failure_assignments f using (trace_id)
where a.is_current and a.verdict in ('pass', 'fail')
order by r.trace_id
"""


PICKED_SQL = "select trace_id from annotations where is_current and is_picked"


def picked_traces(bench: Workbench) -> set[str]:
    """Return the traces whose verdict that counts is a picked one, which is in no rate of traffic."""
    return {row[0] for row in bench.lake.rows(PICKED_SQL)}


def labelled_traces(bench: Workbench) -> list[LabelledTrace]:
    """Return every trace with a verdict that counts, by id."""
    templates = bench.accepted_templates()
    found = [LabelledTrace(*row) for row in bench.lake.rows(LABELLED_SQL)]
    return [replace(t, variables=variables_in(templates, t.messages)) for t in found] if templates else found


def labelled_answers(bench: Workbench) -> list[LabelledAnswer]:
    """Return every labelled trace as a case, with its weight in production where our sampler drew it."""
    traces, samples = labelled_traces(bench), bench.lake.read("sampled_traces", SampledTrace)
    picked = picked_traces(bench)
    verdicts = weighted_verdicts({t.trace_id: t.failed for t in traces}, samples, picked)
    weights = {v.trace_id: v.weight for v in verdicts}
    return [
        LabelledAnswer(case, weights.get(t.trace_id), calls=calls_of(t), ratings=_extra(t), picked=t.trace_id in picked)
        for t in traces
        if (case := labelled_case(t))
    ]


def _extra(trace: LabelledTrace) -> dict[str, str]:
    found = json.loads(trace.extra)
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
