"""`failure_taxonomy` and `failure_assignments`: the prioritized roadmap."""

from collections.abc import Iterator

import dagster as dg

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.defs.assets.annotations import current_annotations
from flywheel_pipeline.defs.metadata import bars, definition_metadata, preview, table
from flywheel_pipeline.defs.resources import TAXONOMY_FILE, LakeResource, Workbench
from flywheel_pipeline.records import Annotation, FailureAssignment, FailureMode, SampledTrace
from flywheel_pipeline.stats import unseen_share_bound
from flywheel_pipeline.steps.cluster import (
    Failure,
    Taxonomy,
    Verdict,
    build_taxonomy,
    dump_modes,
    load_modes,
    rank_modes,
    weighted_verdicts,
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
            description="The failure modes, most frequent in production first: what to fix first. The reviewed file is "
            "`taxonomy/failure_modes.yaml`; a run only ever adds to it.",
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
    """Groups, names and assigns the expert's comments on failures."""
    labels = current_annotations(lake.lake)
    taxonomy, analyst = _taxonomy(lake.lake, bench, labels)
    rows, assigned = rank_modes(taxonomy.modes, _verdicts(lake.lake, labels)), _assignments(taxonomy, labels)
    lake.lake.write("failure_taxonomy", rows)
    lake.lake.write("failure_assignments", assigned)
    yield dg.MaterializeResult("failure_taxonomy", metadata={**_shown(rows, taxonomy), "assigned_by": analyst})
    yield dg.MaterializeResult("failure_assignments", metadata=_assigned_shown(assigned, rows))


def _taxonomy(lake: Lake, bench: Workbench, labels: list[Annotation]) -> tuple[Taxonomy, str]:
    """Build on the reviewed file, and write it back if something was added; returns also how it was built."""
    content = bench.home.read_yaml(TAXONOMY_FILE)
    failures = [Failure.of(a) for a in labels if a.verdict == "fail"]
    analyst, told = bench.analyst(lake, _traces(lake, failures))
    taxonomy = build_taxonomy(failures, load_modes(content), analyst, bench.settings.cluster.max_modes)
    if dump_modes(taxonomy.modes) != content:
        bench.home.write_yaml(TAXONOMY_FILE, dump_modes(taxonomy.modes))
    return taxonomy, told


def _traces(lake: Lake, failures: list[Failure]) -> dict[str, str]:
    """Return the texts of the failed traces, whose words a comment shares for its subject and not for its failure."""
    wanted = {f.trace_id for f in failures}
    rows = lake.frame(TRACES_SQL)
    return {str(t): str(m) for t, m in zip(rows["trace_id"], rows["messages"], strict=True) if t in wanted}


def _verdicts(lake: Lake, labels: list[Annotation]) -> list[Verdict]:
    failed = {a.trace_id: a.verdict == "fail" for a in labels}
    return weighted_verdicts(failed, lake.read("sampled_traces", SampledTrace))


def _assignments(taxonomy: Taxonomy, labels: list[Annotation]) -> list[FailureAssignment]:
    failed = {a.trace_id for a in labels if a.verdict == "fail"}
    placed = [(m.mode_id, x) for m in taxonomy.modes for x in m.members if x.trace_id in failed]
    return [
        FailureAssignment(x.trace_id, mode_id, x.assigned_by, x.confidence, x.text, x.quote)
        for mode_id, x in [*placed, *((None, x) for x in taxonomy.unassigned)]
    ]


def _shown(rows: list[FailureMode], taxonomy: Taxonomy) -> dict[str, dg.MetadataValue]:
    n = sum(r.n_failures for r in rows)
    of = rows[0].share_of if rows else "traffic"
    told = [
        [r.rank, r.name, r.n_failures, f"{r.share:.1%}", f"{r.share_low:.1%} to {r.share_high:.1%}", r.status]
        for r in rows
    ]
    return {
        "dagster/row_count": dg.MetadataValue.int(len(rows)),
        "n_failures": dg.MetadataValue.int(n),
        "n_unassigned": dg.MetadataValue.int(taxonomy.n_unassigned),
        **_agreement(taxonomy),
        "new_modes": dg.MetadataValue.text(", ".join(taxonomy.added) or "none"),
        "unseen_share_at_most": dg.MetadataValue.float(round(unseen_share_bound([r.n_failures for r in rows]), 4)),
        "pareto": bars([(f"{r.rank}. {r.name}", r.share) for r in rows], [(r.share_low, r.share_high) for r in rows]),
        "fix_first": table(("rank", "mode", "failures", f"share of {of}", "95 % interval", "status"), told),
        "definitions": table(
            ("mode", "definition", "included", "excluded"),
            [[m.name, m.definition, m.inclusion, m.exclusion] for m in taxonomy.modes],
        ),
    }


def _agreement(taxonomy: Taxonomy) -> dict[str, dg.MetadataValue]:
    """Return how often two passes over this run's new failures put them into the same mode; a rate plots a trend."""
    rate = taxonomy.agreement
    if rate is None:
        return {"agreement": dg.MetadataValue.text("no failure was assigned anew")}
    told = dg.MetadataValue.text(f"{rate} of two passes")
    numbers = {"agreement_rate": rate.value, "agreement_low": rate.low}
    return {"agreement": told, **{k: dg.MetadataValue.float(round(v, 4)) for k, v in numbers.items()}}


def _assigned_shown(assigned: list[FailureAssignment], rows: list[FailureMode]) -> dict[str, dg.MetadataValue]:
    names: dict[str | None, str] = {None: "unassigned", **{r.mode_id: r.name for r in rows}}
    return {
        "dagster/row_count": dg.MetadataValue.int(len(assigned)),
        "n_unassigned": dg.MetadataValue.int(sum(a.mode_id is None for a in assigned)),
        "n_by_the_expert": dg.MetadataValue.int(sum(a.assigned_by == "HUMAN" for a in assigned)),
        "by_mode": table(("mode", "failure"), [[names[a.mode_id], a.text] for a in assigned[:60]]),
        "preview": preview(assigned, ("trace_id", "mode_id", "assigned_by", "confidence", "text", "quote")),
    }
