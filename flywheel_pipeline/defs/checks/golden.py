"""Checks on the golden set: nothing of the test split is seen before the gate sees it, and old versions are intact."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import dagster as dg

from flywheel_pipeline.adapters.home.files import GOLDEN_FILE
from flywheel_pipeline.defs.factory import asset_check
from flywheel_pipeline.defs.metadata import table
from flywheel_pipeline.defs.resources import LakeResource
from flywheel_pipeline.flows.evaluate import active_cases
from flywheel_pipeline.flows.golden.leaks import Leak, find_leaks
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.golden import list_versions

WARN = dg.AssetCheckSeverity.WARN


@asset_check(asset="golden_set", blocking=True)
def one_split_per_family(lake: LakeResource) -> dg.AssetCheckResult:
    """Near-duplicates are never split over train, dev and test: that would leak."""
    splits = Counter(family for family, _ in {(c.family, c.split) for c in lake.lake.read("golden_set", GoldenCase)})
    leaking = [family for family, n in splits.items() if n > 1]
    return dg.AssetCheckResult(
        passed=not leaking, metadata={"n_families": len(splits), "leaking": ", ".join(leaking) or "none"}
    )


@asset_check(asset="golden_set", blocking=True)
def no_test_text_is_seen(bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """No text of a test case is in the production prompt, a judge's examples or the train split."""
    return leaks_found(find_leaks(bench))


def leaks_found(found: Sequence[Leak]) -> dg.AssetCheckResult:
    """Show the leaks; the check passes when there is none."""
    first = (
        f"; {found[0].case_id} is in {found[0].where}: {found[0].remedy} (flywheel golden retire ID --reason …)"
        if found
        else ""
    )
    rows = [[leak.case_id, leak.where, leak.remedy] for leak in found[:50]]
    listed = table(("test case", "where its text is", "what to do"), rows)
    metadata: dict[str, Any] = {"n_leaks": len(found), "leaks": listed}
    return dg.AssetCheckResult(passed=not found, description=f"{len(found)} leaks{first}", metadata=metadata)


@asset_check(asset="golden_set")
def enough_happy_paths(bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """There are at least as many happy paths as failures: what works must not break while failures are fixed."""
    n = Counter(c.kind for c in active_cases(bench))
    missing = n["failure"] - n["happy_path"]
    counts = f"{n['happy_path']} happy paths for {n['failure']} failures"
    why = f"{counts}: label {missing} more passing traces" if missing > 0 else counts
    return dg.AssetCheckResult(
        passed=missing <= 0, severity=WARN, description=why, metadata={"n_missing": max(0, missing)}
    )


@asset_check(asset="golden_set")
def golden_file_only_grew(bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """The lines of `golden_set.jsonl` are what they were when their version was written down."""
    changed = [v for v in list_versions(bench.home.append_only(GOLDEN_FILE).read().rows) if not v.intact]
    versions = ", ".join(f"{v.version} (the first {v.n_lines} lines)" for v in changed) or "none"
    return dg.AssetCheckResult(
        passed=not changed,
        severity=WARN,
        description=f"versions that cannot be evaluated again, because a line was changed or removed: {versions}",
        metadata={"n_changed": len(changed)},
    )


GOLDEN_CHECKS = [
    one_split_per_family,
    no_test_text_is_seen,
    enough_happy_paths,
    golden_file_only_grew,
]
