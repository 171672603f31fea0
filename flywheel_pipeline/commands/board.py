"""The reviewed taxonomy of a home as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flywheel_pipeline.errors import EditError
from flywheel_pipeline.flows.cluster.review import Review
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import FailureMode
from flywheel_pipeline.settings import Settings
from flywheel_pipeline.steps.cluster import Change, Failure, Mode, Proposal, Reviewed
from flywheel_pipeline.web import Board

SHOWN, LATEST = 50, 30
"""Failures of a mode that are shown at once, and entries of the history."""


def taxonomy_board(settings: Settings) -> Board:
    """Return what the page `/taxonomy/` shows and does."""
    review = Review(Workbench(settings))
    return Board(lambda whole: show_board(review, whole), lambda sent: act_on(review, sent))


def show_board(review: Review, whole: str) -> dict[str, Any]:
    """Return the modes, the one to fix first first, then the retired, with their failures, and what is proposed.

    Of every mode but `whole` the first failures only.
    """
    look = review.look()
    measured = review.measure(look.known)
    failures, ranks = measured.failures, measured.ranks
    placed = look.known.place_of()
    loose = [_failure(f.trace_id, f.text, failures, "", 0.0) for f in failures.values() if f.trace_id not in placed]
    return {
        "version": look.version,
        "people": list(dict.fromkeys([review.settings.annotate.arbiter, *review.settings.annotate.annotators])),
        "modes": [_mode(look.known.mode(r.mode_id), r, failures, r.mode_id == whole) for r in ranks],
        "loose": loose if whole == "loose" else loose[:SHOWN],
        "n_loose": len(loose),
        "proposals": [_proposal(p) for p in look.proposals if p.status == "open"],
        "history": [_change(c, look.known) for c in look.known.history[: -LATEST - 1 : -1]],
        "advice": measured.saturation.advice,
    }


def _mode(mode: Mode, row: FailureMode, failures: Mapping[str, Failure], is_whole: bool) -> dict[str, Any]:
    members = [_failure(x.trace_id, x.text, failures, x.assigned_by, x.confidence) for x in mode.members]
    return {
        "mode_id": mode.mode_id,
        "name": mode.name,
        "definition": mode.definition,
        "status": mode.status,
        "severity": mode.severity or "",
        "rank": row.rank,
        "reason": row.reason,
        "n": len(members),
        "failures": members if is_whole else members[:SHOWN],
    }


def _failure(trace: str, text: str, failures: Mapping[str, Failure], by: str, confidence: float) -> dict[str, Any]:
    known = failures.get(trace)
    comment = known.comment if known and known.comment != text else ""
    gone = known is None
    return {"trace_id": trace, "text": text, "comment": comment, "by": by, "confidence": confidence, "gone": gone}


def _proposal(p: Proposal) -> dict[str, Any]:
    return {"id": p.proposal_id, "what": p.what, "why": p.why, "model": p.model, "examples": list(p.examples)}


def _change(c: Change, known: Reviewed) -> str:
    names = {m.mode_id: m.name for m in known.modes}
    modes = " → ".join(f"“{names.get(i, i)}”" for i in c.modes)
    values = f": “{c.before}” → “{c.after}”" if c.action in ("renamed", "redefined", "rated") else ""
    failures = f", {len(c.traces)} failures" if c.traces else ""
    return f"{c.at[:16].replace('T', ' ')} {c.by}: {c.action} {modes}{values}{failures}"


def act_on(review: Review, sent: Mapping[str, Any]) -> None:
    """Make the edit that was sent, or decide the proposal.

    Raises:
        EditError: it can not be made.
        ConflictError: the taxonomy is not what the person looked at any more.
    """
    people = [review.settings.annotate.arbiter, *review.settings.annotate.annotators]
    by = sent["by"] if sent.get("by") in people else None
    proposal, action = sent.get("proposal"), sent.get("action")
    if proposal is None:
        review.edit(by, sent, sent["version"])
    elif action == "accept":
        review.accept(by, str(proposal), sent["version"])
    elif action == "reject":
        review.reject(by, str(proposal))
    else:
        raise EditError("a proposal can be accepted or rejected")
