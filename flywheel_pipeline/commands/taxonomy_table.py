"""The taxonomy in words, for a terminal."""

from __future__ import annotations

from itertools import accumulate

from flywheel_pipeline.flows.cluster.review import Review
from flywheel_pipeline.records import FailureMode
from flywheel_pipeline.stats import proportion
from flywheel_pipeline.steps.cluster import Change, ProposedChange, Reviewed
from flywheel_pipeline.steps.cluster.modes import SHOWN
from flywheel_pipeline.steps.cluster.rank import NO_WEIGHTS

BAR = 20
NO_MODES = "No failure modes yet: label failures (`flywheel label`), then `flywheel run`."


def tell_taxonomy(review: Review, n_changes: int) -> list[str]:
    """Return the Pareto table with the order to fix in, coverage, saturation, what is proposed and what was changed."""
    look = review.look()
    measured = review.measure(look.known)
    failures, rows = measured.failures, measured.ranks
    if not look.known.modes:
        return [NO_MODES]
    placed = set(look.known.place_of()) & set(failures)
    opened = [p for p in look.proposals if p.status == "open"]
    return [
        *_pareto(rows),
        "",
        "fix first",
        *(f"{r.rank:3}. {r.name}: {r.reason}" for r in rows if r.status != "retired"),
        "",
        *_groups(look.known),
        f"coverage   {_coverage(look.known, len(placed), len(failures))}",
        f"labelling  {measured.saturation.advice}",
        f"proposals  {len(opened)} open" + (": `flywheel taxonomy review`" if opened else ""),
        *(["", "changed last"] if n_changes and look.known.history else []),
        *(_told(c, look.known) for c in look.known.history[: -n_changes - 1 : -1]),
    ]


def _groups(known: Reviewed) -> list[str]:
    """Return the groups to review with their representative comments."""
    groups = [m for m in known.modes if m.is_group]
    lines = [f"{len(groups)} groups to review, found by words alone: `flywheel taxonomy review`"] if groups else []
    for m in groups:
        lines += [f"  {m.name} ({len(m.members)} failures)", *(f"    - {text}" for text in m.examples(SHOWN)[1:])]
    return [*lines, ""] if lines else []


def _coverage(known: Reviewed, n: int, of: int) -> str:
    if any(m.is_group for m in known.modes):
        return f"not known until the groups are reviewed; {of - n} of {of} failures are in none"
    return f"{proportion(n, of)} of the failures belong to a mode"


def _pareto(rows: list[FailureMode]) -> list[str]:
    ordered = sorted((r for r in rows if r.status != "retired"), key=lambda r: -r.share)
    total, top = sum(r.share for r in ordered) or 1.0, max((r.share for r in ordered), default=0) or 1.0
    cells = [["mode", "id", "failures", "share", "95% interval", "together", "severity", "trend", "status", ""]]
    for r, together in zip(ordered, accumulate(r.share for r in ordered), strict=True):
        interval = f"{r.share_low:.1%} to {r.share_high:.1%}"
        cells.append(
            [r.name, r.mode_id, str(r.n_failures), f"{r.share:.1%}", interval, f"{together / total:.0%}",
             r.severity or "", r.trend, r.stage, "█" * round(BAR * r.share / top)]
        )  # fmt: skip
    widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
    of = rows[0].share_of if rows else "traffic"
    why = f": {NO_WEIGHTS}" if of != "traffic" else ""
    return [f"shares are of {of}{why}; `together` is the part of all failures down to this mode", *lines]


def _told(change: Change, known: Reviewed) -> str:
    names = {m.mode_id: m.name for m in known.modes}
    modes = " / ".join(f"{i} {names.get(i, '')}".strip() for i in change.modes)
    values = (
        f": {change.before!r} -> {change.after!r}" if change.before or change.after not in ("", *names.values()) else ""
    )
    failures = f", {len(change.traces)} failures" if change.traces else ""
    return (
        f"{change.at}  {change.by}: {change.action} {modes}{values}{failures}{f' ({change.why})' if change.why else ''}"
    )


def tell_proposal(proposal: ProposedChange) -> list[str]:
    """Return a proposal with its evidence."""
    return [
        f"{proposal.proposal_id}  {proposal.what}",
        f"    why: {proposal.why}",
        *([f"    a model: {proposal.model}"] if proposal.model else []),
        *(f"    - {text}" for text in proposal.examples),
    ]
