"""Checks on the candidate: the gate's decision, and no held-out text in the prompt."""

from typing import Any

import dagster as dg

from flywheel_pipeline.defs.checks.golden import leaks_found
from flywheel_pipeline.defs.factory import asset_check
from flywheel_pipeline.defs.metadata import table
from flywheel_pipeline.flows.flips import flips_waiting
from flywheel_pipeline.flows.golden.leaks import find_candidate_leaks
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import PromptCandidate

WARN = dg.AssetCheckSeverity.WARN


@asset_check(asset="prompt_candidate")
def candidate_holds_no_test_text(bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """No text of a test case is in a candidate that the gate did not reject."""
    return leaks_found(find_candidate_leaks(bench))


@asset_check(asset="prompt_candidate")
def gate(bench: dg.ResourceParam[Workbench]) -> dg.AssetCheckResult:
    """The gate lets the candidate ship; `flywheel promote` refuses one that it does not."""
    decided = [c for c in bench.lake.read("prompt_candidate", PromptCandidate) if c.decision]
    refused = [c for c in decided if c.decision != "ship"]
    best = next((c for c in decided if c.decision == "ship"), None)
    listed = table(("candidate", "decision", "reason"), [[c.candidate_id, c.decision, c.reason] for c in decided])
    passed = best is not None or not refused
    why = "; ".join(f"{c.candidate_id} {c.decision}: {c.reason}" for c in decided) or "no candidate"
    waiting = flips_waiting(bench)
    why = f"{why}; {waiting}" if waiting else why
    page = {"labelling_page": dg.MetadataValue.url(waiting.page)} if waiting else {}
    metadata: dict[str, Any] = {"n_candidates": len(decided), "decisions": listed, **page}
    return dg.AssetCheckResult(passed=passed, severity=WARN, metadata=metadata, description=why)


IMPROVE_CHECKS = [candidate_holds_no_test_text, gate]
