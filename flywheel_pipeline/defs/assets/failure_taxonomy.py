"""`failure_taxonomy` and `failure_assignments`: the prioritized roadmap."""

from collections.abc import Iterator

import dagster as dg

from flywheel_pipeline.defs.charts import bars
from flywheel_pipeline.defs.factory import multi_asset
from flywheel_pipeline.defs.metadata import preview, table, unseen_share, version_of
from flywheel_pipeline.flows.cluster.build import Reviewing, build_modes
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import FailureAssignment, FailureMode
from flywheel_pipeline.steps.cluster import Taxonomy
from flywheel_pipeline.steps.sample.saturation import judge_saturation

GROUP = "analyze_and_cluster"
OWNERS = ["team:domain-experts"]


@multi_asset(
    specs=[
        dg.AssetSpec(
            "failure_taxonomy", deps=["annotations", "raw_traces", "sampled_traces"], group_name=GROUP, owners=OWNERS,
            kinds={"litellm", "scikitlearn"},
            description="The failure modes by share of production x severity: what to fix first. The reviewed file is "
            "`taxonomy/failure_modes.yaml`; a run adds to it, and proposes the rest in `taxonomy/proposals.yaml`.",
        ),
        dg.AssetSpec(
            "failure_assignments", deps=["annotations"], group_name=GROUP, owners=OWNERS,
            kinds={"litellm"},
            description="Every failure that the expert described, and the mode it belongs to, if it fits one.",
        ),
    ],
    name="build_failure_taxonomy",
    pool=True,
)  # fmt: skip
def failure_taxonomy(bench: dg.ResourceParam[Workbench]) -> Iterator[dg.MaterializeResult]:
    """Groups, names and assigns the expert's comments on failures, on top of what people reviewed."""
    made = build_modes(bench)
    shown = _metadata(made.rows, made.review, made.analyst)
    yield dg.MaterializeResult("failure_taxonomy", metadata=shown, data_version=version_of(made.rows))
    shown = _assignment_metadata(made.assigned, made.rows)
    yield dg.MaterializeResult("failure_assignments", metadata=shown, data_version=version_of(made.assigned))


def _metadata(rows: list[FailureMode], done: Reviewing, analyst: str) -> dict[str, dg.MetadataValue]:
    n, n_groups = sum(r.n_failures for r in rows), sum(r.kind == "group to review" for r in rows)
    of = rows[0].share_of if rows else "traffic"
    fix_first = [
        [r.rank, r.name, r.n_failures, f"{r.share:.1%}", f"{r.share_low:.1%} to {r.share_high:.1%}", r.stage]
        for r in rows
    ]
    why = [[r.rank, r.name, r.severity or "not set", trend_text(r), r.reason] for r in rows]
    shares = sorted(rows, key=lambda r: -r.share)
    return {
        "dagster/row_count": dg.MetadataValue.int(len(rows)),
        "n_failures": dg.MetadataValue.int(n),
        "assigned_by": dg.MetadataValue.text(analyst),
        "n_unassigned": dg.MetadataValue.int(done.built.n_unassigned),
        "new_modes": dg.MetadataValue.text(", ".join(done.built.added) or "none"),
        **unseen_share(judge_saturation([*(r.n_failures for r in rows), *[1] * done.built.n_unassigned], n_groups)),
        "pareto": bars([(r.name, r.share) for r in shares], cumulative=True, percent=True),
        "intervals": bars(
            [(f"{r.rank}. {r.name}", r.share) for r in rows], [(r.share_low, r.share_high) for r in rows], percent=True
        ),
        "fix_first": table(("rank", "mode", "failures", f"share of {of}", "95% interval", "status"), fix_first),
        "why": table(("rank", "mode", "severity", "trend", "why it has its rank"), why, 200),
        "definitions": table(
            ("mode", "kind", "definition", "belongs", "does not belong", "representative comments"),
            [[r.name, r.kind, r.definition, r.belongs, r.does_not_belong, r.examples] for r in rows],
        ),
        **agreement_metadata(done.built),
        **problem_metadata(done.built),
        **proposal_metadata(done),
    }


def _assignment_metadata(assigned: list[FailureAssignment], rows: list[FailureMode]) -> dict[str, dg.MetadataValue]:
    names: dict[str | None, str] = {None: "unassigned", **{r.mode_id: r.name for r in rows}}
    return {
        "dagster/row_count": dg.MetadataValue.int(len(assigned)),
        "n_unassigned": dg.MetadataValue.int(sum(a.mode_id is None for a in assigned)),
        "n_by_the_expert": dg.MetadataValue.int(sum(a.assigned_by == "HUMAN" for a in assigned)),
        "by_mode": table(("mode", "failure"), [[names[a.mode_id], a.text] for a in assigned[:60]]),
        "preview": preview(assigned, ("trace_id", "mode_id", "assigned_by", "confidence", "text", "quote", "reason")),
    }


def agreement_metadata(built: Taxonomy) -> dict[str, dg.MetadataValue]:
    """Show how often two passes over the failures that were assigned agree; nothing where there was only one."""
    agreed = built.agreement
    if agreed is None:
        return {}
    share = {"share_agreed": dg.MetadataValue.float(agreed.value), "n_assigned_twice": dg.MetadataValue.int(agreed.n)}
    return {**share, "agreement": dg.MetadataValue.text(f"two passes agree on {agreed}")}


def problem_metadata(built: Taxonomy) -> dict[str, dg.MetadataValue]:
    """Show what a model's replies about names lacked; nothing where they lacked nothing."""
    rows = [[p] for p in built.problems]
    return {"naming_problems": table(("what the model's names lacked",), rows, 400)} if rows else {}


def trend_text(row: FailureMode) -> str:
    """Return how a mode's share changed, in words."""
    return row.trend if row.share_before is None else f"{row.trend} (was {row.share_before:.1%} in the batch before)"


def proposal_metadata(done: Reviewing) -> dict[str, dg.MetadataValue]:
    """Show what is proposed and what was changed last."""
    opened = [p for p in done.proposals if p.status == "open"]
    rows = [[p.proposal_id, p.what, p.why, p.model, "; ".join(p.examples)] for p in opened]
    names = {m.mode_id: m.name for m in done.known.modes}
    last = [
        [c.at, c.by, c.action, ", ".join(names.get(i, i) for i in c.modes), f"{c.before} -> {c.after}", len(c.traces)]
        for c in done.known.history[:-21:-1]
    ]
    listed = table(("proposal", "what", "why", "a model says", "examples"), rows, 400)
    return {
        "n_proposals": dg.MetadataValue.int(len(opened)),
        **({"proposals": listed} if rows else {}),
        **({"history": table(("at", "by", "action", "modes", "change", "failures"), last)} if last else {}),
    }
