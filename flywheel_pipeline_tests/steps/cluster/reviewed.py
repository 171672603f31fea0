"""Reviewed taxonomies for the tests of the cluster step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flywheel_pipeline.adapters.home.files import PROPOSALS_FILE, TAXONOMY_FILE
from flywheel_pipeline.adapters.home.reviewed import ReviewedFile
from flywheel_pipeline.steps.cluster.history import Author, Reviewed, dump_taxonomy, load_taxonomy
from flywheel_pipeline.steps.cluster.modes import Failure, Member, Mode
from flywheel_pipeline.steps.cluster.proposals import dump_proposals
from flywheel_pipeline.steps.cluster.propose import ProposedChange
from flywheel_pipeline_tests.builders import an_annotation
from flywheel_pipeline_tests.homes import Place

MIRA = Author("mira", "2025-06-09T10:00:00Z")
RUN = Author("flywheel", "2025-06-10T02:00:00Z")


def a_mode(mode_id: str, *traces: str, name: str = "", by: str = "LLM", **more: Any) -> Mode:
    """A mode whose failures are noted with the trace's name without its number."""
    members = tuple(Member(t, t.rstrip("0123456789"), by, 0.9) for t in traces)
    return Mode(mode_id, name or mode_id.upper(), members=members, **{"definition": "It belongs here.", **more})


def known(*modes: Mode) -> Reviewed:
    return Reviewed(modes)


def members(found: Reviewed) -> dict[str, list[str]]:
    return {m.mode_id: [x.trace_id for x in m.members] for m in found.modes}


def actions(found: Reviewed) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(c.by, c.action, c.modes) for c in found.history]


def a_failure(trace_id: str, category: str | None = None, text: str | None = None) -> Failure:
    note = text or trace_id.rstrip("0123456789")
    return Failure(trace_id, note, f"The expert says: {note}.", category)


def put_taxonomy(
    place: Place, found: Reviewed, *proposals: ProposedChange, comment: str = "", loose: Sequence[str] = ()
) -> None:
    """Write the reviewed file, the proposals, and a labelled failure for every member and for every `loose` trace."""
    for name, value in ((TAXONOMY_FILE, dump_taxonomy(found)), (PROPOSALS_FILE, dump_proposals(proposals))):
        file = ReviewedFile(place.root / name)
        file.replace(value, file.read().version)
    notes = {x.trace_id: x.text for m in found.modes for x in m.members} | {t: t.rstrip("0123456789") for t in loose}
    fails = [an_annotation(trace_id=t, code=note, comment=comment or f"It was {note}.") for t, note in notes.items()]
    passes = [an_annotation(trace_id=f"ok{i}", verdict="pass", code=None, comment=None) for i in range(5)]
    place.lake.write("annotations", [*fails, *passes])


def taxonomy_of(place: Place) -> Reviewed:
    return load_taxonomy(ReviewedFile(place.root / TAXONOMY_FILE).read().value)
