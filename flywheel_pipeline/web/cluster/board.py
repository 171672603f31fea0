"""The reviewed taxonomy as its page shows it, and the edits that the page sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.errors import CorruptFileError, EditError
from flywheel_pipeline.flows.cluster.review import Measured, Review
from flywheel_pipeline.flows.evaluators import evaluators_by_mode
from flywheel_pipeline.records import FailureMode
from flywheel_pipeline.steps.cluster import Change, Failure, Mode, ProposedChange, Reviewed
from flywheel_pipeline.words import count

SHOWN, LATEST, EXAMPLES = 50, 30, 3
"""Failures of a mode that are shown at once, entries of the history, and representative comments of a mode."""
LONGEST_TEXT, LONGEST_COMMENT = 500, 5_000
"""Characters that are sent of a failure."""
UNDONE = {
    "rename": "renaming a mode", "name": "naming a group", "define": "changing a definition",
    "belongs": "changing what belongs", "does-not-belong": "changing what does not belong",
    "rate": "changing a severity", "accept": "accepting a mode", "retire": "retiring a mode",
    "merge": "merging two modes", "move": "moving failures", "split": "splitting a mode", "add": "making a mode",
    "accepted proposal": "accepting a proposal", "rejected proposal": "rejecting a proposal",
}  # fmt: skip
"""What an edit that can be undone did."""


def show_board(review: Review, whole: str) -> dict[str, Any]:
    """Return the modes, the one to fix first first, then the retired, with their failures, and what is proposed.

    Of every mode but `whole` the first failures only.
    """
    look = review.look()
    measured = review.measure(look.known)
    evaluators, problem = _evaluators(review)
    failures = measured.failures
    placed = look.known.place_of()
    unassigned = [f for f in failures.values() if f.trace_id not in placed]
    shown = unassigned if whole == "unassigned" else unassigned[:SHOWN]
    return {
        "version": look.version,
        "people": list(dict.fromkeys([review.settings.annotate.arbiter, *review.settings.annotate.annotators])),
        "modes": [{**m, "evaluators": evaluators.get(m["mode_id"], [])} for m in _modes(look.known, measured, whole)],
        "unassigned": [_failure(f.trace_id, f.text, measured, "", 0.0) for f in shown],
        "n_unassigned": len(unassigned),
        "proposals": [_proposal(p) for p in look.proposals if p.status == "open"],
        "history": [_change(c, look.known) for c in look.known.history[: -LATEST - 1 : -1]],
        "advice": " ".join(t for t in (measured.saturation.advice, problem) if t),
        "undo": UNDONE.get(review.undoable, ""),
    }


def _evaluators(review: Review) -> tuple[dict[str, list[str]], str]:
    """Return what judges every mode, and what is wrong with the file that says so; the page works without it."""
    try:
        found = evaluators_by_mode(review.bench)
    except CorruptFileError as error:
        return {}, str(error)
    return {mode: [line[:LONGEST_TEXT] for line in lines] for mode, lines in found.items()}, ""


def _modes(known: Reviewed, measured: Measured, whole: str) -> list[dict[str, Any]]:
    modes = {m.mode_id: m for m in known.modes}
    return [_mode(modes[r.mode_id], r, measured, r.mode_id == whole) for r in measured.ranks]


def _mode(mode: Mode, row: FailureMode, measured: Measured, is_whole: bool) -> dict[str, Any]:
    members = mode.members if is_whole else mode.members[:SHOWN]
    return {
        "mode_id": mode.mode_id,
        "name": mode.name,
        "kind": row.kind,
        "definition": mode.definition,
        "belongs": mode.belongs,
        "does_not_belong": mode.does_not_belong,
        "status": mode.status,
        "severity": mode.severity or "",
        "rank": row.rank,
        "reason": row.reason,
        "n": len(mode.members),
        "examples": _examples(mode, measured.failures),
        "failures": [_failure(x.trace_id, x.text, measured, x.assigned_by, x.confidence) for x in members],
    }


def _examples(mode: Mode, failures: Mapping[str, Failure]) -> list[str]:
    """Return the first different comments of a mode, which were the most central when it was made."""
    comments = (failures[x.trace_id].comment if x.trace_id in failures else x.text for x in mode.members)
    return [c[:LONGEST_TEXT] for c in dict.fromkeys(comments)][:EXAMPLES]


def _failure(trace: str, text: str, measured: Measured, by: str, confidence: float) -> dict[str, Any]:
    known = measured.failures.get(trace)
    comment = known.comment if known and known.comment != text else ""
    return {
        "trace_id": trace, "text": text[:LONGEST_TEXT], "comment": comment[:LONGEST_COMMENT], "by": by,
        "confidence": confidence, "gone": known is None, "picked": trace in measured.picked,
    }  # fmt: skip


def _proposal(p: ProposedChange) -> dict[str, Any]:
    return {"id": p.proposal_id, "what": p.what, "why": p.why, "model": p.model, "examples": list(p.examples)}


def _change(c: Change, known: Reviewed) -> str:
    names = {m.mode_id: m.name for m in known.modes}
    modes = " → ".join(f"“{names.get(i, i)}”" for i in c.modes)
    values = f": “{c.before}” → “{c.after}”" if c.action in ("renamed", "redefined", "rated") else ""
    failures = f", {count(len(c.traces), 'failure')}" if c.traces else ""
    return f"{c.at[:16].replace('T', ' ')} {c.by}: {c.action} {modes}{values}{failures}"


def act_on(review: Review, sent: Mapping[str, Any]) -> None:
    """Make the edit that was sent, undo the latest one, or decide a proposal.

    Raises:
        EditError: it cannot be made.
        ConflictError: the taxonomy is not what the person looked at any more.
    """
    people = [review.settings.annotate.arbiter, *review.settings.annotate.annotators]
    by = sent["by"] if sent.get("by") in people else None
    proposal, action = sent.get("proposal"), sent.get("action")
    if proposal is not None:
        _decide(review, by, str(proposal), action, sent["version"])
    elif action == "undo":
        review.undo(sent["version"])
    else:
        review.edit(by, sent, sent["version"])


def _decide(review: Review, by: str | None, proposal: str, action: Any, seen: str) -> None:
    if action == "accept":
        review.accept(by, proposal, seen)
    elif action == "reject":
        review.reject(by, proposal)
    else:
        raise EditError("a proposal can be accepted or rejected")
