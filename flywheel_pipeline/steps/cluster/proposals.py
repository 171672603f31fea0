"""The file of proposals: what is open, what was rejected and is not proposed again, and what accepting one does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from flywheel_pipeline.errors import CorruptFileError, EditError
from flywheel_pipeline.steps.cluster.edit import merge, set_status, set_text, split
from flywheel_pipeline.steps.cluster.history import Author, Reviewed
from flywheel_pipeline.steps.cluster.modes import criterion_version
from flywheel_pipeline.steps.cluster.propose import ProposedChange


def dump_proposals(proposals: Sequence[ProposedChange]) -> dict[str, Any]:
    """Return the content of `proposals.yaml`; the ids are for people to refer to."""
    return {"proposals": [{"proposal_id": p.proposal_id, **_dumped(p)} for p in proposals]}


def _dumped(proposal: ProposedChange) -> dict[str, Any]:
    values = {f.name: getattr(proposal, f.name) for f in fields(proposal)}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items() if v}


def load_proposals(content: Any) -> list[ProposedChange]:
    """Return the proposals of `proposals.yaml`; none for an empty or missing file.

    Raises:
        CorruptFileError: the file has another shape.
    """
    try:
        return [_proposal(entry) for entry in (content or {}).get("proposals") or []]
    except (TypeError, AttributeError) as error:
        raise CorruptFileError(
            f"proposals.yaml has another shape ({error}); delete it: the next run proposes"
        ) from None


def _proposal(entry: Any) -> ProposedChange:
    given = {k: v for k, v in entry.items() if k != "proposal_id"}
    kept = {k: v if isinstance(v, bool | list) else str(v) for k, v in given.items()}
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in kept.items()}
    return ProposedChange(**values)


def renew_proposals(before: Sequence[ProposedChange], found: Sequence[ProposedChange]) -> list[ProposedChange]:
    """Return the proposals that are open now, without those that were rejected, and after them the rejected ones.

    Proposals for judges stay open: a run does not make them, `flywheel judge tune` does.
    """
    rejected = [p for p in before if p.status == "rejected"]
    known = {p.proposal_id for p in rejected}
    tuned = [p for p in before if p.kind == "judge" and p.status == "open"]
    return [*(p for p in found if p.proposal_id not in known), *tuned, *rejected]


def with_tuned(before: Sequence[ProposedChange], tuned: ProposedChange) -> list[ProposedChange]:
    """Return the proposals with one for a judge, in the place of an open one for the same judge.

    Raises:
        EditError: the very same was rejected.
    """
    if any(p.proposal_id == tuned.proposal_id and p.status == "rejected" for p in before):
        raise EditError(f"the best criterion that was found was rejected before ({tuned.proposal_id})")
    kept = [p for p in before if (p.kind, p.modes, p.status) != ("judge", tuned.modes, "open")]
    return [*(p for p in kept if p.status == "open"), tuned, *(p for p in kept if p.status != "open")]


def find_proposal(proposals: Sequence[ProposedChange], proposal_id: str) -> ProposedChange:
    """Return the open proposal of an id.

    Raises:
        EditError: there is none.
    """
    for p in proposals:
        if p.proposal_id == proposal_id and p.status == "open":
            return p
    listed = ", ".join(p.proposal_id for p in proposals if p.status == "open") or "none"
    raise EditError(f"there is no open proposal {proposal_id!r}; open are: {listed}")


def accept_proposal(known: Reviewed, author: Author, proposal: ProposedChange) -> Reviewed:
    """Do what is proposed.

    Raises:
        EditError: it cannot be done any more, because the modes have changed.
    """
    author = replace(author, why=author.why or f"proposed: {proposal.why}")
    if set(proposal.modes) - {m.mode_id for m in known.modes}:
        raise EditError("a mode of this proposal is gone: the next run proposes anew")
    first = proposal.modes[0]
    if proposal.kind == "merge":
        return merge(known, author, first, proposal.modes[1])
    if proposal.kind == "split":
        own = {x.trace_id for x in known.mode(first).members}
        return split(known, author, first, [t for t in proposal.traces if t in own], proposal.name)
    if proposal.kind == "rename":
        return set_text(known, author, first, "name", proposal.name)
    if proposal.kind == "retire":
        return set_status(known, author, first, "retired")
    if proposal.kind == "judge":
        return tune_judge(known, author, first, proposal)
    raise EditError(f"there is no proposal of the kind {proposal.kind!r}")


def tune_judge(known: Reviewed, author: Author, mode_id: str, proposal: ProposedChange) -> Reviewed:
    """Give a mode's judge the criterion of a proposal, with an entry for everything that changes.

    Raises:
        EditError: the criterion has changed since it was compared with the proposed one.
    """
    if criterion_version(known.mode(mode_id)) != proposal.base:
        name = known.mode(mode_id).name
        raise EditError(f"the criterion of {name!r} has changed since: `flywheel judge tune {mode_id}` compares anew")
    texts = {
        "belongs": proposal.belongs, "does_not_belong": proposal.does_not_belong, "judge_guidance": proposal.guidance,
    }  # fmt: skip
    for name, value in texts.items():
        known = set_text(known, author, mode_id, name, value)
    own = {x.trace_id for x in known.mode(mode_id).members}
    shown = tuple(t for t in proposal.traces if t in own)
    known = known.with_modes(
        replace(known.mode(mode_id), judge_examples=shown, judge_tuned=True, judge_verdict_first=proposal.verdict_first)
    )
    return known.noted(author, "judge tuned", mode_id, traces=shown)


def reject_proposal(proposals: Sequence[ProposedChange], author: Author, proposal_id: str) -> list[ProposedChange]:
    """Return the proposals with one rejected for good.

    Raises:
        EditError: it is not open.
    """
    wanted = find_proposal(proposals, proposal_id)
    gone = replace(wanted, status="rejected", by=author.by, at=author.at)
    return [gone if p is wanted else p for p in proposals]


def apply_all(
    known: Reviewed, author: Author, proposals: Sequence[ProposedChange]
) -> tuple[Reviewed, list[ProposedChange]]:
    """Accept every open proposal that no model doubts, in order; returns what is left."""
    left = []
    for p in proposals:
        try:
            if p.status != "open" or p.kind == "judge" or p.model.startswith(DOUBTED):
                left.append(p)
            else:
                known = accept_proposal(known, author, p)
        except EditError:  # an earlier one of the list has changed its modes: the next run looks again
            continue
    return known, left


DOUBTED = "no: "
"""What a model's opinion of a proposal begins with if it would not make the change."""
