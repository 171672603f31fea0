"""What people do with the golden set: look at it, decide on proposed cases, retire cases, name dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flywheel_pipeline.adapters.home.files import DIMENSIONS_FILE, GOLDEN_FILE, PENDING_FILE
from flywheel_pipeline.errors import HomeError, ModelError
from flywheel_pipeline.flows.golden.grow import pinned_cases, questions
from flywheel_pipeline.flows.workbench import Workbench, timestamp
from flywheel_pipeline.records import FailureMode, GoldenCase
from flywheel_pipeline.steps.golden import (
    active,
    compose,
    criticality,
    decide_proposals,
    find_gaps,
    list_versions,
    load_cases,
    load_pending,
    retirement,
    version_of,
)
from flywheel_pipeline.steps.golden.generate import Dimensions, dimensions_ask, read_dimensions
from flywheel_pipeline.steps.golden.ledger import Version
from flywheel_pipeline.steps.golden.proposals import Pending


@dataclass(frozen=True)
class Overview:
    """What the golden set, or a version of it, is made of, what it lacks, and how it grew.

    `composed` has a row per mode and kind: (mode, kind, train, dev, test, all).
    """

    cases: list[GoldenCase]
    pinned: bool
    pending: Pending
    composed: list[tuple[str, str, int, int, int, int]]
    gaps: list[str]
    versions: list[Version]


def look_at_golden_set(bench: Workbench, version: str | None = None) -> Overview:
    """Return the overview; `version` names a version, or is the beginning of its name.

    Raises:
        HomeError: there is no such version.
    """
    rows = bench.home.append_only(GOLDEN_FILE).read().rows
    wanted = version or bench.settings.golden.version
    cases = pinned_cases(rows, wanted) if wanted else load_cases(rows)
    names = {m.mode_id: m.name for m in bench.lake.read("failure_taxonomy", FailureMode)}
    live = active(cases)
    gaps = find_gaps(live, names, questions(bench))
    is_pinned = wanted is not None and not version
    return Overview(cases, is_pinned, pending_cases(bench), compose(live, names), gaps, list_versions(rows))


def pending_cases(bench: Workbench) -> Pending:
    """Return the proposed cases and the decisions on them."""
    return load_pending(bench.home.append_only(PENDING_FILE).read().rows)


def decide(bench: Workbench, accept: Sequence[str], reject: Sequence[str], reason: str | None) -> tuple[int, int]:
    """Record decisions on proposed cases; return how many were accepted and rejected.

    Raises:
        HomeError: an id names no waiting proposal, or several.
    """
    decided: list[dict[str, Any]] = []

    def lines(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        decided[:] = decide_proposals(load_pending(rows), accept, reject, reason, timestamp())
        return decided

    bench.home.append_only(PENDING_FILE).extend(lines)
    n = sum(r["entry"] == "accepted" for r in decided)
    return n, len(decided) - n


def retire(bench: Workbench, case_id: str, reason: str) -> tuple[str, str]:
    """Retire a golden case; return its id and the version of the set from now on.

    Raises:
        HomeError: there is no such case, no reason is given, or it is retired already.
    """
    rows = bench.home.append_only(GOLDEN_FILE).extend(lambda rows: retirement(rows, case_id, reason, timestamp()))
    retired = next(r["case_id"] for r in reversed(rows) if r.get("entry") == "retired")
    return retired, rows[-1]["version"]


def mark_critical(bench: Workbench, case_ids: Sequence[str], critical: bool) -> tuple[list[str], str]:
    """Make cases critical, or no more; return those that changed and the version of the set from now on.

    Raises:
        HomeError: there is no such case, or several begin like that, or it is retired.
    """
    changed: list[str] = []

    def lines(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        added = criticality(rows, case_ids, critical, timestamp())
        changed[:] = [r["case_id"] for r in added if r["entry"] == "critical"]
        return added

    rows = bench.home.append_only(GOLDEN_FILE).extend(lines)
    return changed, version_of(load_cases(rows))


def propose_dimensions(bench: Workbench) -> str:
    """Ask the model along which dimensions questions differ, and write them down for review; return the file's path.

    Raises:
        HomeError: there is such a file already, or there are no traces.
        ModelError: the model gave no usable reply.
    """
    path = bench.settings.home / DIMENSIONS_FILE
    if path.exists():
        raise HomeError(f"{path} exists already: edit it, or remove it to have it proposed again.")
    cases = load_cases(bench.home.append_only(GOLDEN_FILE).read().rows)
    held_out = {c.input for c in cases if c.split != "train"}
    asked = [q.text for q in questions(bench) if q.text not in held_out]
    if not asked:
        folder = bench.settings.home / "traces"
        raise HomeError(f"No traces: put export files into {folder} and run `flywheel run` first.")
    modes = [m.name for m in bench.lake.read("failure_taxonomy", FailureMode)]
    (reply,) = bench.llm().ask([dimensions_ask(asked, modes, bench.settings.app.name)])
    if not isinstance(reply.parsed, Dimensions):
        raise ModelError(f"The generator gave no usable dimensions: {reply.error}")
    bench.home.write_yaml(DIMENSIONS_FILE, {"status": "proposed", "dimensions": read_dimensions(reply.parsed)})
    return str(path)
