"""Reviewed taxonomies for the tests of the cluster step."""

from __future__ import annotations

from typing import Any

from flywheel_pipeline.steps.cluster.history import Reviewed, Said
from flywheel_pipeline.steps.cluster.modes import Failure, Member, Mode

MIRA = Said("mira", "2025-06-09T10:00:00Z")
RUN = Said("flywheel", "2025-06-10T02:00:00Z")


def a_mode(mode_id: str, *traces: str, name: str = "", by: str = "LLM", **more: Any) -> Mode:
    """A mode whose failures are noted with the trace's name without its number."""
    members = tuple(Member(t, t.rstrip("0123456789"), by, 0.9) for t in traces)
    return Mode(mode_id, name or mode_id.upper(), "It belongs here.", members=members, **more)


def known(*modes: Mode) -> Reviewed:
    return Reviewed(modes)


def members(found: Reviewed) -> dict[str, list[str]]:
    return {m.mode_id: [x.trace_id for x in m.members] for m in found.modes}


def actions(found: Reviewed) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(c.by, c.action, c.modes) for c in found.history]


def a_failure(trace_id: str, category: str | None = None, text: str | None = None) -> Failure:
    note = text or trace_id.rstrip("0123456789")
    return Failure(trace_id, note, f"The expert says: {note}.", category)
