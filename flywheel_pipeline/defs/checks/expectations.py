"""Checks generated from the records: great-expectations on every table."""

from collections.abc import Sequence

import dagster as dg

from flywheel_pipeline.adapters.quality import Expectation, Outcome, expectations, run_where_changed
from flywheel_pipeline.defs.factory import Recipe, asset_check
from flywheel_pipeline.defs.metadata import table
from flywheel_pipeline.defs.resources import LakeResource

NOT_BLOCKING = {"prompt_candidate"}
"""Tables that nothing in a run is made from, so that a failing check need not stop it."""


def build_expectation_check(name: str) -> Recipe:
    """Return the recipe of a table's great-expectations check: one check, since each costs a run as a small table."""
    wanted = expectations(name)

    @asset_check(asset=name, blocking=name not in NOT_BLOCKING)
    def rows_as_declared(lake: LakeResource) -> dg.AssetCheckResult:
        """Values are as their column declares: present, unique, allowed, in range, and referring to rows that exist.

        The outcome of the last check is shown again where neither the table nor those that it refers to changed.
        """
        tables = lake.lake
        return _result(wanted, run_where_changed(tables.checks, tables.digest, tables.frame, name, wanted))

    return rows_as_declared


def _result(wanted: Sequence[Expectation], outcomes: Sequence[Outcome]) -> dg.AssetCheckResult:
    broken = [o for o in outcomes if not o.passed]
    rows = [
        [e.column, _kind(e), o.passed, o.n_unexpected, o.problem or "; ".join(o.examples)]
        for e, o in zip(wanted, outcomes, strict=True)
    ]
    return dg.AssetCheckResult(
        passed=not broken,
        description="; ".join(_broken(o) for o in broken[:3]) or None,
        metadata={
            "n_rows": max((o.n_rows for o in outcomes), default=0),
            "n_unexpected": sum(o.n_unexpected for o in outcomes),
            "columns": table(("column", "expected", "passed", "unexpected", "examples"), rows),
        },
    )


def _kind(expectation: Expectation) -> str:
    return expectation.name.removeprefix(f"{expectation.column}_").replace("_", " ")


def _broken(outcome: Outcome) -> str:
    return f"{outcome.name}: " + ("not checked" if outcome.problem else f"{outcome.n_unexpected} values are not")
