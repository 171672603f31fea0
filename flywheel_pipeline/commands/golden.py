"""The golden set in a terminal: what it holds, the review of proposed cases, retirement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.defs.growing import DIMENSIONS_FILE, FILE, PENDING_FILE, pinned_cases, questions
from flywheel_pipeline.defs.resources import Workbench, utc_now
from flywheel_pipeline.errors import HomeError, ModelError
from flywheel_pipeline.records import SPLITS, FailureMode
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline.steps.golden import (
    active,
    compose,
    decide_proposals,
    find_gaps,
    list_versions,
    load_cases,
    load_pending,
    retirement,
    tell_growth,
    version_of,
)
from flywheel_pipeline.steps.golden.generate import Dimensions, dimensions_ask, read_dimensions
from flywheel_pipeline.steps.golden.proposals import Pending, Proposal, shown

Say = Callable[[str], None]
Choose = Callable[[Proposal], str]
"""What a person says of a proposal: accept, reject, skip or quit."""


def show_golden(home: Path | None, version: str | None, say: Say) -> None:
    """Say what the golden set, or a version of it, is made of, what it lacks, and how it grew.

    Raises:
        HomeError: there is no such version.
    """
    bench = Workbench(load_settings(home))
    lake, rows = Lake(bench.settings.home / "lake"), bench.home.read_jsonl(FILE)
    wanted = version or bench.settings.golden.version
    cases = pinned_cases(rows, wanted) if wanted else load_cases(rows)
    names = {m.mode_id: m.name for m in lake.read("failure_taxonomy", FailureMode)}
    live, pending = active(cases), load_pending(bench.home.read_jsonl(PENDING_FILE))
    retired = sum(c.status == "retired" for c in cases)
    guards = sum(c.stage == "regression" for c in live)
    pinned = "" if wanted is None or version else " (pinned by golden.version)"
    say(f"version {version_of(live)}{pinned}: {len(live)} cases, {guards} of them regression; {retired} retired")
    say(f"{len(pending.waiting)} proposed cases wait for `flywheel golden review`; {len(pending.rejected)} rejected")
    for line in _table(("mode", "kind", *SPLITS, "all"), compose(live, names)):
        say(line)
    for gap in find_gaps(live, names, questions(lake)):
        say(f"gap: {gap}")
    for line in _table(
        ("version", "added under", "added", "retired", "graduated", "active"), tell_growth(list_versions(rows))
    ):
        say(line)


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    cells = [["".join(c if c.isprintable() else " " for c in str(v)) for v in row] for row in (names, *rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(names))]
    numeric = [all(isinstance(row[k], int) for row in rows) for k in range(len(names))]
    return [
        "  ".join(c.rjust(w) if n else c.ljust(w) for c, w, n in zip(row, widths, numeric, strict=True)).rstrip()
        for row in cells
    ]


def list_pending(home: Path | None) -> list[str]:
    """Return the proposed cases that wait, as a person reads them."""
    return [shown(p) for p in _pending(Workbench(load_settings(home))).waiting]


def review_golden(home: Path | None, accept: Sequence[str], reject: Sequence[str], reason: str | None) -> str:
    """Record decisions on proposed cases; returns what was decided.

    Raises:
        HomeError: an id names no waiting proposal, or several.
    """
    bench = Workbench(load_settings(home))
    rows = decide_proposals(_pending(bench), accept, reject, reason, _now())
    bench.home.append_jsonl(PENDING_FILE, rows)
    n = sum(r["entry"] == "accepted" for r in rows)
    return f"{n} accepted, {len(rows) - n} rejected. Accepted cases join the golden set with the next `flywheel run`."


def review_one_by_one(home: Path | None, choose: Choose, say: Say) -> None:
    """Show the waiting cases one after the other; every decision is on the disk before the next case."""
    for proposal in _pending(Workbench(load_settings(home))).waiting:
        say(shown(proposal))
        choice = choose(proposal)
        if choice == "quit":
            return
        if choice in ("accept", "reject"):
            mine = [proposal.case_id]
            say(review_golden(home, mine if choice == "accept" else [], mine if choice == "reject" else [], None))


def retire_case(home: Path | None, case_id: str, reason: str) -> str:
    """Retire a golden case; returns the version that the set is from now on.

    Raises:
        HomeError: there is no such case, no reason is given, or it is retired already.
    """
    bench = Workbench(load_settings(home))
    lines = retirement(bench.home.read_jsonl(FILE), case_id, reason, _now())
    bench.home.append_jsonl(FILE, lines)
    retired = next(r["case_id"] for r in lines if r["entry"] == "retired")
    return f"{retired} is retired; the set is {lines[-1]['version']} now, old versions stay as they were."


def propose_dimensions(home: Path | None) -> str:
    """Ask the model along which dimensions questions differ, and write them down for review; returns where.

    Raises:
        HomeError: there is such a file already, or there are no traces.
        ModelError: the model gave no usable reply.
    """
    bench = Workbench(load_settings(home))
    path, lake = bench.settings.home / DIMENSIONS_FILE, Lake(bench.settings.home / "lake")
    if path.exists():
        raise HomeError(f"{path} is there already: edit it, or remove it to have it proposed anew.")
    held_out = {c.input for c in load_cases(bench.home.read_jsonl(FILE)) if c.split != "train"}
    asked = [q.text for q in questions(lake) if q.text not in held_out]
    if not asked:
        raise HomeError("No traces: put export files into traces/ and run `flywheel run` first.")
    modes = [m.name for m in lake.read("failure_taxonomy", FailureMode)]
    (reply,) = bench.llm(lake).ask([dimensions_ask(asked, modes, bench.settings.app.name)])
    if not isinstance(reply.parsed, Dimensions):
        raise ModelError(f"the generator gave no usable dimensions: {reply.error}")
    bench.home.write_yaml(DIMENSIONS_FILE, {"status": "proposed", "dimensions": read_dimensions(reply.parsed)})
    return f"{path}: edit the values and set `status: accepted`; the next run writes questions for their combinations."


def _pending(bench: Workbench) -> Pending:
    return load_pending(bench.home.read_jsonl(PENDING_FILE))


def _now() -> str:
    return f"{utc_now():%Y-%m-%dT%H:%M:%SZ}"
