"""What an annotator has found so far: how many passed and failed, the first groups of failures, what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.flows.cluster.first_groups import FEWEST, group_failures
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.steps.annotate import trace_of
from flywheel_pipeline.steps.cluster import Failure
from flywheel_pipeline.web.annotate.service import LabellingService
from flywheel_pipeline.web.templates import render
from flywheel_pipeline.words import first_line

SHOWN = 3
"""Failures of a group that are shown."""


def show_groups(bench: Workbench, service: LabellingService, annotator: str, batch: str) -> dict[str, Any]:
    """Return what the annotator has found in a batch ("" for all of them): {html}."""
    labels, n_items = service.judged_in(annotator, batch)
    failures = [_failure(key, label) for key, label in labels.items() if label["verdict"] == "fail"]
    n_passed = sum(label["verdict"] == "pass" for label in labels.values())
    values = {
        "n_items": n_items, "n_labelled": n_passed + len(failures), "n_passed": n_passed, "n_failed": len(failures),
        "found": group_failures(bench, failures), "fewest": FEWEST, "shown": SHOWN, "first_line": first_line,
    }  # fmt: skip
    return {"html": render("annotate/groups.html", **values)}


def _failure(key: str, label: Mapping[str, Any]) -> Failure:
    text = " ".join(str(label.get("code") or label.get("comment") or "").split())
    category = str(label.get("category") or "").split(",")[0].strip()
    return Failure(trace_of(key), text, str(label.get("comment") or text), category or None)
