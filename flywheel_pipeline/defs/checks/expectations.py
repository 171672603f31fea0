"""Checks generated from the records: great-expectations on every table."""

from collections.abc import Iterator, Sequence

import dagster as dg

from flywheel_pipeline.adapters.quality import Expectation, Outcome, expectations, run_on_table
from flywheel_pipeline.defs.factory import Recipe, multi_asset_check
from flywheel_pipeline.defs.metadata import table
from flywheel_pipeline.defs.resources import LakeResource

KINDS = {
    "values_present": "No required value is missing",
    "ids_unique": "Ids are unique",
    "values_allowed": "Values are among those allowed",
    "numbers_in_range": "Numbers are in range",
    "references_known": "Every reference points to a row that exists",
}
"""The checks made of the expectations of the records, one per kind; the names end alike."""

NOT_BLOCKING = {"prompt_candidate"}
"""Tables that nothing in a run is made from, so that a failing check need not stop it."""


def build_expectation_checks(name: str) -> Recipe:
    """Return the recipe of the great-expectations checks of one table: one check a kind of expectation."""
    by_kind = {k: [e for e in expectations(name) if e.name.endswith(k[k.index("_") :])] for k in KINDS}
    used = {k: es for k, es in by_kind.items() if es}
    specs = [
        dg.AssetCheckSpec(
            k,
            asset=name,
            blocking=name not in NOT_BLOCKING,
            description=f"{KINDS[k]}: {', '.join(e.column for e in es)}.",
        )
        for k, es in used.items()
    ]

    @multi_asset_check(name=f"{name}_expectations", specs=specs)
    def checks(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[dg.AssetCheckResult]:
        wanted = [k for k in used if k in {key.name for key in context.selected_asset_check_keys}]
        outcomes = {o.name: o for o in run_on_table(lake.lake.frame, name, [e for k in wanted for e in used[k]])}
        for kind in wanted:
            yield _result(name, kind, [(e, outcomes[e.name]) for e in used[kind]])

    return checks


def _result(name: str, kind: str, outcomes: Sequence[tuple[Expectation, Outcome]]) -> dg.AssetCheckResult:
    rows = [[e.column, o.passed, o.n_unexpected, o.problem or "; ".join(o.examples)] for e, o in outcomes]
    return dg.AssetCheckResult(
        asset_key=name,
        check_name=kind,
        passed=all(o.passed for _, o in outcomes),
        metadata={
            "n_rows": outcomes[0][1].n_rows,
            "n_unexpected": sum(o.n_unexpected for _, o in outcomes),
            "columns": table(("column", "passed", "unexpected", "examples"), rows),
        },
    )
