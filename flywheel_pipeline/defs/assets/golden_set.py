"""`golden_set`: the permanent test set."""

from collections import Counter
from collections.abc import Sequence

import dagster as dg

from flywheel_pipeline.defs.charts import bars
from flywheel_pipeline.defs.factory import asset
from flywheel_pipeline.defs.metadata import preview, table
from flywheel_pipeline.flows.evaluate import n_looks, reads_of_test
from flywheel_pipeline.flows.golden.grow import Grown, grow_home
from flywheel_pipeline.flows.golden.review import look_at_golden_set
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import KINDS, SPLITS
from flywheel_pipeline.steps.golden import active, growth_table, version_of


@asset(
    deps=["raw_traces", "annotations", "failure_taxonomy", "failure_assignments"],
    group_name="build_test_sets",
    kinds={"python", "scikitlearn", "litellm"},
    owners=["team:evals"],
    pool=True,
)
def golden_set(bench: dg.ResourceParam[Workbench]) -> dg.MaterializeResult:
    """Representative failures of every mode, happy paths, synthetic and adversarial cases; append-only in `golden/`.

    The flywheel feeds back here: `eval_results` of earlier runs let cases graduate to regression tests, by the verdicts
    of judges that `judge_alignment` trusts. The graph has no arrow for it, since it would be a circle.
    """
    return dg.MaterializeResult(metadata=_metadata(bench, grow_home(bench)))


def _metadata(bench: Workbench, grown: Grown) -> dict[str, dg.MetadataValue]:
    """Return the metadata of the asset."""
    look, live = look_at_golden_set(bench), active(grown.cases)
    left_out = [[d.input, "like cases of two splits; in either it would leak"] for d in grown.growth.left_out]
    left_out += [list(d) for d in grown.proposed.dropped]
    reads = [
        [r.get(k) for k in ("at", "by", "prompt_version", "golden_version", "n_cases")] for r in reads_of_test(bench)
    ]
    return {
        "dagster/row_count": dg.MetadataValue.int(len(grown.cases)),
        "version": dg.MetadataValue.text(version_of(live) + (", pinned by golden.version" if grown.pinned else "")),
        "n_added": dg.MetadataValue.int(len(grown.growth.added)),
        **{f"n_{k}": dg.MetadataValue.int(n) for k, n in sorted(Counter(c.kind for c in live).items())},
        "n_retired": dg.MetadataValue.int(sum(c.status == "retired" for c in grown.cases)),
        "n_regression": dg.MetadataValue.int(sum(c.stage == "regression" for c in live)),
        "n_pending": dg.MetadataValue.int(len(look.pending.waiting)),
        "n_test_looks": dg.MetadataValue.int(n_looks(bench)),
        "cases_per_mode": _per_mode(look.composed),
        "composition": table(("mode", "kind", *SPLITS, "all"), look.composed),
        "gaps": table(("what is missing",), [[g] for g in look.gaps], cell=300),
        "growth": table(
            ("version", "added under", "added", "retired", "graduated", "active"), growth_table(look.versions)
        ),
        "left_out": table(("question", "why"), left_out[:50]),
        "test_reads": table(("at", "by", "prompt", "version", "test cases"), reads[-50:]),
        "preview": preview(live, ("case_id", "kind", "split", "input", "criteria", "expected_doc_ids")),
    }


def _per_mode(composed: Sequence[tuple[str, str, int, int, int, int]]) -> dg.MetadataValue:
    counts: Counter[str] = Counter()
    for mode, kind, *_, n in composed:
        own = mode if kind in ("failure", "synthetic") and mode != "no mode" else kind.replace("_", " ")
        counts[own] += n
    kinds = [k.replace("_", " ") for k in KINDS]
    return bars(sorted(counts.items(), key=lambda item: (item[0] in kinds, item[0])))
