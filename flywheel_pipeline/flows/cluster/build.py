"""Labelled failures -> failure modes, on top of the reviewed file: people's edits first, then what is new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from flywheel_pipeline.adapters.home.files import PROPOSALS_FILE, TAXONOMY_FILE, WRITTEN_FILE
from flywheel_pipeline.adapters.home.reviewed import HEAD
from flywheel_pipeline.adapters.llm import ModelClient
from flywheel_pipeline.errors import ConflictError
from flywheel_pipeline.flows.annotate import current_annotations
from flywheel_pipeline.flows.workbench import MODEL_FREE, Workbench, timestamp
from flywheel_pipeline.records import Annotation, FailureAssignment, FailureMode, SampledTrace
from flywheel_pipeline.steps.cluster import (
    BY_HAND,
    PIPELINE,
    Author,
    Failure,
    Mode,
    ProposedChange,
    Recorded,
    Reviewed,
    Taxonomy,
    add_built_modes,
    apply_all,
    apply_human_decisions,
    build_taxonomy,
    confirm_proposals,
    current_ids,
    dump_proposals,
    dump_taxonomy,
    load_proposals,
    load_taxonomy,
    note_hand_edits,
    propose_changes,
    rank_labelled,
    renew_proposals,
)

TRIES = 5
Build = Callable[[Sequence[Failure], Sequence[Mode]], Taxonomy]
"""Builds on the modes that take failures: (failures, live modes) -> taxonomy."""


@dataclass(frozen=True)
class Reviewing:
    """What a run made of the reviewed taxonomy: the file as it is now, what was built, what is proposed."""

    known: Reviewed
    built: Taxonomy
    proposals: tuple[ProposedChange, ...]


@dataclass(frozen=True)
class Modes:
    """The failure modes after a run: both tables, what was made of the reviewed file, and by what."""

    rows: list[FailureMode]
    assigned: list[FailureAssignment]
    review: Reviewing
    analyst: str


def build_modes(bench: Workbench) -> Modes:
    """Group, name and assign the expert's comments on failures; write `failure_taxonomy` and `failure_assignments`.

    Raises:
        ConflictError: the reviewed file keeps changing while the run works on it.
    """
    labels, samples = current_annotations(bench), bench.lake.read("sampled_traces", SampledTrace)
    llm = bench.llm()  # one for the whole step, so that its limits hold for all that the step asks
    analyst, described = bench.analyst(llm)

    def build(failures: Sequence[Failure], live: Sequence[Mode]) -> Taxonomy:
        return build_taxonomy(failures, live, analyst, bench.settings.cluster.max_modes)

    review = review_modes(bench, labels, build, llm)
    rows, assigned = rank_labelled(review.known.modes, labels, samples), _assignments(review, labels)
    bench.lake.write("failure_taxonomy", rows)
    bench.lake.write("failure_assignments", assigned)
    return Modes(rows, assigned, review, described)


def _assignments(review: Reviewing, labels: Sequence[Annotation]) -> list[FailureAssignment]:
    failed = {a.trace_id for a in labels if a.verdict == "fail"}
    placed = [(m.mode_id, x) for m in review.known.modes for x in m.members if x.trace_id in failed]
    return [
        *(FailureAssignment(x.trace_id, m, x.assigned_by, x.confidence, x.text, x.quote) for m, x in placed),
        *(
            FailureAssignment(x.trace_id, None, x.assigned_by, x.confidence, x.text, "", x.reason)
            for x in review.built.unassigned
        ),
    ]


def review_modes(bench: Workbench, labels: Sequence[Annotation], build: Build, llm: ModelClient) -> Reviewing:
    """Build on the reviewed file and write it back if something was added.

    Where a person edits it meanwhile, their edit comes first and the work is done again, mostly from the cache.

    Raises:
        ConflictError: the file changes faster than that.
    """
    for _ in range(TRIES - 1):
        try:
            return _review(bench, labels, build, llm)
        except ConflictError:
            continue
    return _review(bench, labels, build, llm)


def _review(bench: Workbench, labels: Sequence[Annotation], build: Build, llm: ModelClient) -> Reviewing:
    file = bench.home.reviewed(TAXONOMY_FILE)
    seen, author = file.read(), Author(PIPELINE, timestamp())
    edited = note_hand_edits(load_taxonomy(seen.value), recorded(bench, seen.version), replace(author, by=BY_HAND))
    decided = apply_human_decisions(edited, [Failure.of(a) for a in labels if a.verdict == "fail"], author)
    built = build(decided.failures, decided.live)
    known = add_built_modes(decided, built.modes, author)
    known, proposals = _propose(bench, labels, known, author, llm)
    content = dump_taxonomy(known)
    is_changed = content != seen.value
    bench.home.write_json(WRITTEN_FILE, {"unless": seen.version if is_changed else None, "taxonomy": content})
    if is_changed:
        file.replace(content, seen.version, HEAD)
    return Reviewing(known, built, tuple(proposals))


def _propose(
    bench: Workbench, labels: Sequence[Annotation], known: Reviewed, author: Author, llm: ModelClient
) -> tuple[Reviewed, list[ProposedChange]]:
    file = bench.home.reviewed(PROPOSALS_FILE)
    seen = file.read()
    found = renew_proposals(
        load_proposals(seen.value), propose_changes(known, label_batches(labels), bench.failure_embed(llm)[1])
    )
    fresh = [p for p in found if p.status == "open"]
    if fresh and bench.model_name("taxonomy") not in MODEL_FREE:
        confirmed = confirm_proposals(fresh, known, llm, bench.settings.app.name)
        found = [*confirmed, *(p for p in found if p.status != "open")]
    if bench.settings.cluster.apply == "all":
        known, found = apply_all(known, author, found)
    if dump_proposals(found) != (seen.value or dump_proposals([])):
        file.replace(dump_proposals(found), seen.version)
    return known, found


def recorded(bench: Workbench, version: str) -> Recorded:
    """Return the failure modes as the last run wrote them; `version` is that of the reviewed file now.

    A run writes them down before it replaces the reviewed file, and the tables last: a run that was killed in between
    has made no edit by hand. Where it was killed before the file was replaced, the tables still are what was written.
    """
    written = bench.home.read_json(WRITTEN_FILE)
    if written and written["unless"] != version:
        known = load_taxonomy(written["taxonomy"])
        return Recorded({m.mode_id: m for m in known.modes if not m.merged_into}, known.place_of())
    modes = {
        r.mode_id: Mode(r.mode_id, r.name, r.definition, r.status, r.belongs, r.does_not_belong)
        for r in bench.lake.read("failure_taxonomy", FailureMode)
    }
    places = {a.trace_id: a.mode_id for a in bench.lake.read("failure_assignments", FailureAssignment) if a.mode_id}
    return Recorded(modes, places)


def known_modes(bench: Workbench, modes: Sequence[FailureMode]) -> dict[str, str]:
    """Return {every id there ever was: the mode of the table that it now stands for}."""
    known = load_taxonomy(bench.home.reviewed(TAXONOMY_FILE).read().value)
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
