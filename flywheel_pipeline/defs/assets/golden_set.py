"""`golden_set`: the permanent test set."""

from collections import Counter

import dagster as dg

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.defs.metadata import bars, definition_metadata, preview, table
from flywheel_pipeline.defs.resources import LakeResource, Workbench
from flywheel_pipeline.defs.reviewing import known_modes
from flywheel_pipeline.records import SPLITS, FailureAssignment, FailureMode, GoldenCase
from flywheel_pipeline.steps.golden import (
    LabelledTrace,
    Quotas,
    dump_case,
    grow_golden_set,
    in_current_modes,
    load_cases,
)

FILE = "golden/golden_set.jsonl"
LABELLED_SQL = """
select r.trace_id, r.session_id, r.messages, r.retrieved, r.output, a.verdict = 'fail' as failed,
    coalesce(a.comment, a.code) as comment, a.first_failure_step, f.mode_id
from annotations a join raw_traces r using (trace_id) left join failure_assignments f using (trace_id)
where a.is_current and a.verdict in ('pass', 'fail')
order by r.trace_id
"""


@dg.asset(
    deps=["raw_traces", "annotations", "failure_taxonomy", "failure_assignments"],
    group_name="build_test_sets",
    kinds={"python", "scikitlearn"},
    owners=["team:evals"],
    metadata=definition_metadata("golden_set"),
)
def golden_set(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """Representative failures of every mode, happy paths, synthetic variations; append-only in `golden/`."""
    existing, added = grow(lake.lake, bench)
    cases = [*existing, *added]
    lake.lake.write("golden_set", cases)
    return dg.MaterializeResult(metadata=_shown(cases, added, lake.lake.read("failure_taxonomy", FailureMode)))


def grow(lake: Lake, bench: Workbench) -> tuple[list[GoldenCase], list[GoldenCase]]:
    """Return the cases of the file, in the modes of the taxonomy as it is now, and those added to the file."""
    modes = lake.read("failure_taxonomy", FailureMode)
    assigned = {a.trace_id: a.mode_id for a in lake.read("failure_assignments", FailureAssignment)}
    existing = in_current_modes(load_cases(bench.home.read_jsonl(FILE)), assigned, known_modes(bench, modes))
    with lake.connect() as con:
        traces = [LabelledTrace(*row) for row in con.execute(LABELLED_SQL).fetchall()]
    quotas = Quotas(**bench.settings.golden.model_dump())
    added = grow_golden_set(existing, traces, bench.embed, quotas, modes[0].version if modes else "none")
    if added:
        bench.home.append_jsonl(FILE, [dump_case(c) for c in added])
    return existing, added


def _shown(cases: list[GoldenCase], added: list[GoldenCase], modes: list[FailureMode]) -> dict[str, dg.MetadataValue]:
    names = {m.mode_id: m.name for m in modes}
    names_of = {c.case_id: names.get(c.mode_id or "", "no mode") for c in cases if c.kind != "happy_path"}
    counts = Counter((names_of.get(c.case_id, "happy path"), c.split) for c in cases)
    labels = sorted({label for label, _ in counts})
    rows = [[label, *(counts[label, s] for s in SPLITS), sum(counts[label, s] for s in SPLITS)] for label in labels]
    return {
        "dagster/row_count": dg.MetadataValue.int(len(cases)),
        "n_added": dg.MetadataValue.int(len(added)),
        **{f"n_{kind}": dg.MetadataValue.int(n) for kind, n in sorted(Counter(c.kind for c in cases).items())},
        "cases_per_mode": bars([(label, sum(counts[label, s] for s in SPLITS)) for label in labels]),
        "composition": table(("mode", *SPLITS, "all"), rows),
        "preview": preview(cases, ("case_id", "kind", "split", "input", "criteria", "reference")),
    }
