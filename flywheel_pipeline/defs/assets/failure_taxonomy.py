"""`failure_taxonomy` and `failure_assignments`: the prioritized roadmap."""

from collections.abc import Iterator, Sequence
from functools import partial

import dagster as dg

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.defs.assets.annotations import current_annotations
from flywheel_pipeline.defs.metadata import bars, definition_metadata, preview, table, version_of
from flywheel_pipeline.defs.resources import LakeResource, Workbench
from flywheel_pipeline.defs.reviewing import Turned, agreement_shown, proposals_shown, review_taxonomy, trend_told
from flywheel_pipeline.records import Annotation, FailureAssignment, FailureMode, SampledTrace
from flywheel_pipeline.stats import unseen_share_bound
from flywheel_pipeline.steps.cluster import (
    Analyst,
    Failure,
    Mode,
    Taxonomy,
    build_taxonomy,
    rank_labelled,
)

TRACES_SQL = """
select r.trace_id, r.messages from annotations a join raw_traces r using (trace_id)
where a.is_current and a.verdict = 'fail'
"""
GROUP = "analyze_and_cluster"
OWNERS = ["team:domain-experts"]


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            "failure_taxonomy", deps=["annotations", "raw_traces", "sampled_traces"], group_name=GROUP, owners=OWNERS,
            kinds={"litellm", "scikitlearn"}, metadata=definition_metadata("failure_taxonomy"),
            description="The failure modes by share of production x severity: what to fix first. The reviewed file is "
            "`taxonomy/failure_modes.yaml`; a run adds to it, and proposes the rest in `taxonomy/proposals.yaml`.",
        ),
        dg.AssetSpec(
            "failure_assignments", deps=["annotations"], group_name=GROUP, owners=OWNERS,
            kinds={"litellm"}, metadata=definition_metadata("failure_assignments"),
            description="Every failure that the expert described, and the mode it belongs to, if it fits one.",
        ),
    ],
    name="build_failure_taxonomy",
)  # fmt: skip
def failure_taxonomy(lake: LakeResource, bench: dg.ResourceParam[Workbench]) -> Iterator[dg.MaterializeResult]:
    """Groups, names and assigns the expert's comments on failures, on top of what people reviewed."""
    labels, samples = current_annotations(lake.lake), lake.lake.read("sampled_traces", SampledTrace)
    analyst, told = bench.analyst(lake.lake, _traces(lake.lake, labels))
    done = review_taxonomy(lake.lake, bench, labels, partial(_built, bench, analyst))
    rows, assigned = rank_labelled(done.known.modes, labels, samples), _assignments(done, labels)
    lake.lake.write("failure_taxonomy", rows)
    lake.lake.write("failure_assignments", assigned)
    yield dg.MaterializeResult("failure_taxonomy", metadata=_shown(rows, done, told), data_version=version_of(rows))
    shown = _assigned_shown(assigned, rows)
    yield dg.MaterializeResult("failure_assignments", metadata=shown, data_version=version_of(assigned))


def _built(bench: Workbench, analyst: Analyst, failures: Sequence[Failure], live: Sequence[Mode]) -> Taxonomy:
    """Build on the modes that take failures."""
    return build_taxonomy(failures, live, analyst, bench.settings.cluster.max_modes)


def _traces(lake: Lake, labels: list[Annotation]) -> dict[str, str]:
    """Return the texts of the failed traces, whose words a comment shares for its subject and not for its failure."""
    wanted = {a.trace_id for a in labels if a.verdict == "fail"}
    rows = lake.frame(TRACES_SQL)
    return {str(t): str(m) for t, m in zip(rows["trace_id"], rows["messages"], strict=True) if t in wanted}


def _assignments(done: Turned, labels: list[Annotation]) -> list[FailureAssignment]:
    failed = {a.trace_id for a in labels if a.verdict == "fail"}
    placed = [(m.mode_id, x) for m in done.known.modes for x in m.members if x.trace_id in failed]
    return [
        FailureAssignment(x.trace_id, mode_id, x.assigned_by, x.confidence, x.text, x.quote)
        for mode_id, x in [*placed, *((None, x) for x in done.built.unassigned)]
    ]


def _shown(rows: list[FailureMode], done: Turned, analyst: str) -> dict[str, dg.MetadataValue]:
    n = sum(r.n_failures for r in rows)
    of = rows[0].share_of if rows else "traffic"
    told = [
        [r.rank, r.name, r.n_failures, f"{r.share:.1%}", f"{r.share_low:.1%} to {r.share_high:.1%}", r.status]
        for r in rows
    ]
    why = [[r.rank, r.name, r.severity or "not said", trend_told(r), r.reason] for r in rows]
    shares = sorted(rows, key=lambda r: -r.share)
    return {
        "dagster/row_count": dg.MetadataValue.int(len(rows)),
        "n_failures": dg.MetadataValue.int(n),
        "assigned_by": dg.MetadataValue.text(analyst),
        "n_unassigned": dg.MetadataValue.int(done.built.n_unassigned),
        "new_modes": dg.MetadataValue.text(", ".join(done.built.added) or "none"),
        "unseen_share_at_most": dg.MetadataValue.float(round(unseen_share_bound([r.n_failures for r in rows]), 4)),
        "pareto": bars([(r.name, r.share) for r in shares], cumulative=True),
        "intervals": bars(
            [(f"{r.rank}. {r.name}", r.share) for r in rows], [(r.share_low, r.share_high) for r in rows]
        ),
        "fix_first": table(("rank", "mode", "failures", f"share of {of}", "95 % interval", "status"), told),
        "why": table(("rank", "mode", "severity", "trend", "why it has its rank"), why, 200),
        "definitions": table(
            ("mode", "definition", "included", "excluded"),
            [[m.name, m.definition, m.inclusion, m.exclusion] for m in done.known.modes if not m.merged_into],
        ),
        **agreement_shown(done.built),
        **proposals_shown(done),
    }


def _assigned_shown(assigned: list[FailureAssignment], rows: list[FailureMode]) -> dict[str, dg.MetadataValue]:
    names: dict[str | None, str] = {None: "unassigned", **{r.mode_id: r.name for r in rows}}
    return {
        "dagster/row_count": dg.MetadataValue.int(len(assigned)),
        "n_unassigned": dg.MetadataValue.int(sum(a.mode_id is None for a in assigned)),
        "n_by_the_expert": dg.MetadataValue.int(sum(a.assigned_by == "HUMAN" for a in assigned)),
        "by_mode": table(("mode", "failure"), [[names[a.mode_id], a.text] for a in assigned[:60]]),
        "preview": preview(assigned, ("trace_id", "mode_id", "assigned_by", "confidence", "text", "quote")),
    }
