"""The reviewed taxonomy as a run meets it: people's edits first, then what is new, then what could be better."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import dagster as dg

from flywheel_pipeline.adapters.home.reviewed import HEAD, PROPOSALS_FILE, TAXONOMY_FILE, ReviewedFile
from flywheel_pipeline.adapters.lake import Lake
from flywheel_pipeline.defs.metadata import table
from flywheel_pipeline.defs.resources import MODEL_FREE, Workbench, utc_now
from flywheel_pipeline.errors import ConflictError
from flywheel_pipeline.records import Annotation, FailureAssignment, FailureMode
from flywheel_pipeline.steps.cluster import (
    BY_HAND,
    PIPELINE,
    Failure,
    Mode,
    Proposal,
    Recorded,
    Reviewed,
    Said,
    Taxonomy,
    apply_all,
    confirm_proposals,
    current_ids,
    dump_proposals,
    dump_taxonomy,
    load_proposals,
    load_taxonomy,
    note_hand_edits,
    propose_changes,
    renew_proposals,
    settle_people,
    take_in,
)

TRIES = 5


@dataclass(frozen=True)
class Turned:
    """What a run made of the reviewed taxonomy."""

    known: Reviewed
    built: Taxonomy
    proposals: tuple[Proposal, ...]


Build = Callable[[Sequence[Failure], Sequence[Mode]], Taxonomy]


def review_taxonomy(lake: Lake, bench: Workbench, labels: Sequence[Annotation], build: Build) -> Turned:
    """Build on the reviewed file and write it back if something was added.

    Where a person edits it meanwhile, their edit comes first and the work is done again, mostly from the cache.

    Raises:
        ConflictError: the file changes faster than that.
    """
    for _ in range(TRIES - 1):
        try:
            return _turn(lake, bench, labels, build)
        except ConflictError:
            continue
    return _turn(lake, bench, labels, build)


def _turn(lake: Lake, bench: Workbench, labels: Sequence[Annotation], build: Build) -> Turned:
    file = ReviewedFile(bench.settings.home / TAXONOMY_FILE)
    seen, said = file.read(), Said(PIPELINE, f"{utc_now():%Y-%m-%dT%H:%M:%SZ}")
    edited = note_hand_edits(load_taxonomy(seen.value), recorded(lake), replace(said, by=BY_HAND))
    settled = settle_people(edited, [Failure.of(a) for a in labels if a.verdict == "fail"], said)
    built = build(settled.failures, settled.live)
    known = take_in(settled, built.modes, said)
    known, proposals = _propose(lake, bench, labels, known, said)
    if dump_taxonomy(known) != seen.value:
        file.replace(dump_taxonomy(known), seen.version, HEAD)
    return Turned(known, built, tuple(proposals))


def _propose(
    lake: Lake, bench: Workbench, labels: Sequence[Annotation], known: Reviewed, said: Said
) -> tuple[Reviewed, list[Proposal]]:
    file = ReviewedFile(bench.settings.home / PROPOSALS_FILE)
    seen = file.read()
    found = renew_proposals(
        load_proposals(seen.value), propose_changes(known, label_batches(labels), bench.failure_embed[1])
    )
    fresh = [p for p in found if p.status == "open"]
    if fresh and bench.model_name("taxonomy") not in MODEL_FREE:
        told = confirm_proposals(fresh, known, bench.llm(lake), bench.settings.app.name)
        found = [*told, *(p for p in found if p.status != "open")]
    if bench.settings.cluster.apply == "all":
        known, found = apply_all(known, said, found)
    if dump_proposals(found) != (seen.value or dump_proposals([])):
        file.replace(dump_proposals(found), seen.version)
    return known, found


def recorded(lake: Lake) -> Recorded:
    """Return the modes and places of failures as the last run wrote them."""
    modes = {
        r.mode_id: Mode(r.mode_id, r.name, r.definition, r.status) for r in lake.read("failure_taxonomy", FailureMode)
    }
    places = {a.trace_id: a.mode_id for a in lake.read("failure_assignments", FailureAssignment) if a.mode_id}
    return Recorded(modes, places)


def known_modes(bench: Workbench, modes: Sequence[FailureMode]) -> dict[str, str]:
    """Return {every id there ever was: the mode of the table that it stands for now}."""
    known = load_taxonomy(ReviewedFile(bench.settings.home / TAXONOMY_FILE).read().value)
    present = {m.mode_id: m.mode_id for m in modes}
    return {**{i: now for i, now in current_ids(known.modes).items() if now in present}, **present}


def label_batches(labels: Sequence[Annotation]) -> list[list[str]]:
    """Return the failed traces of every label batch, the oldest first."""
    batches: dict[str, list[Annotation]] = {}
    for a in labels:
        if a.verdict == "fail":
            batches.setdefault(a.batch, []).append(a)
    newest = {b: max(str(a.labelled_at or "") for a in rows) for b, rows in batches.items()}
    return [sorted(a.trace_id for a in batches[b]) for b in sorted(batches, key=lambda b: (newest[b], b))]


def agreement_shown(built: Taxonomy) -> dict[str, dg.MetadataValue]:
    """Show how often two passes over the failures that were assigned agree; nothing where there was only one."""
    agreed = built.agreement
    if agreed is None:
        return {}
    share = {"share_agreed": dg.MetadataValue.float(agreed.value), "n_assigned_twice": dg.MetadataValue.int(agreed.n)}
    return {**share, "agreement": dg.MetadataValue.text(f"two passes agree on {agreed}")}


def trend_told(row: FailureMode) -> str:
    """Say how a mode's share changed, for people."""
    return row.trend if row.share_before is None else f"{row.trend} (was {row.share_before:.1%} in the batch before)"


def proposals_shown(done: Turned) -> dict[str, dg.MetadataValue]:
    """Show what is proposed and what was changed last."""
    opened = [p for p in done.proposals if p.status == "open"]
    rows = [[p.proposal_id, p.what, p.why, p.model, "; ".join(p.examples)] for p in opened]
    names = {m.mode_id: m.name for m in done.known.modes}
    last = [
        [c.at, c.by, c.action, ", ".join(names.get(i, i) for i in c.modes), f"{c.before} -> {c.after}", len(c.traces)]
        for c in done.known.history[:-21:-1]
    ]
    told = table(("proposal", "what", "why", "a model's word", "examples"), rows, 400)
    return {
        "n_proposals": dg.MetadataValue.int(len(opened)),
        **({"proposals": told} if rows else {}),
        **({"history": table(("at", "by", "action", "modes", "change", "failures"), last)} if last else {}),
    }
