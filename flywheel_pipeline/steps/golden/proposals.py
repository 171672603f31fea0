"""Cases that a model or a template wrote, and what people decided: `golden/pending.jsonl`, only ever added to.

A line without `entry` is a proposed case; `accepted` and `rejected` lines record a decision about one, the last
of which counts. An accepted one joins the golden set with the next run; a rejected one is never proposed again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from flywheel_pipeline.errors import CorruptFileError, HomeError
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.golden.cases import Draft

Row = Mapping[str, Any]
DECISIONS = ("accepted", "rejected")


@dataclass(frozen=True)
class ProposedCase:
    """A case that waits for review: how realistic it is (1 to 5, None if it was not rated)."""

    draft: Draft
    realism: int | None = None

    @property
    def case_id(self) -> str:
        """The id that the case will have."""
        return self.draft.case_id


@dataclass(frozen=True)
class Pending:
    """All that was ever proposed, by what became of it."""

    waiting: tuple[ProposedCase, ...] = ()
    accepted: tuple[ProposedCase, ...] = ()
    rejected: tuple[ProposedCase, ...] = ()

    @property
    def all(self) -> tuple[ProposedCase, ...]:
        """Whatever was proposed."""
        return (*self.waiting, *self.accepted, *self.rejected)

    def joining(self, cases: Sequence[GoldenCase]) -> list[Draft]:
        """Return the accepted ones that are no golden cases yet."""
        there = {c.case_id for c in cases}
        return [p.draft for p in self.accepted if p.case_id not in there]


def dump_proposal(proposal: ProposedCase) -> dict[str, Any]:
    """Return the line of a proposal."""
    return {"case_id": proposal.case_id, "realism": proposal.realism, **asdict(proposal.draft)}


def load_pending(rows: Sequence[Row]) -> Pending:
    """Return what the lines of `pending.jsonl` say.

    Raises:
        CorruptFileError: a line is no proposal, or decides about none.
    """
    proposals: dict[str, ProposedCase] = {}
    decided: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        if "entry" not in row:
            proposal = _proposal(number, row)
            proposals.setdefault(proposal.case_id, proposal)
        elif row["entry"] in DECISIONS and row.get("case_id") in proposals:
            decided[row["case_id"]] = row["entry"]
        else:
            raise CorruptFileError(f"pending.jsonl, line {number}: not a decision about a proposed case. Restore it.")
    by = {d: tuple(p for i, p in proposals.items() if decided.get(i) == d) for d in (None, *DECISIONS)}
    return Pending(by[None], by["accepted"], by["rejected"])


def _proposal(number: int, row: Row) -> ProposedCase:
    names = {f.name for f in fields(Draft)}
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items() if k in names}
    try:
        proposal = ProposedCase(Draft(**values), row.get("realism"))
        sound = proposal.case_id == row["case_id"]
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        raise CorruptFileError(f"pending.jsonl, line {number} is not a proposed case: {error!r}. Restore it.") from None
    if not sound:
        raise CorruptFileError(
            f"pending.jsonl, line {number}: {row['case_id']} was changed by hand, so that its id is another one. Undo "
            "that and reject it; golden cases of your own come in with `flywheel golden import`."
        )
    return proposal


def decide_proposals(
    pending: Pending, accept: Sequence[str], reject: Sequence[str], reason: str | None, at: str
) -> list[dict[str, Any]]:
    """Return the lines that record decisions; cases are named by their ids or the beginning of them, or `all`.

    Raises:
        HomeError: an id names no proposal that waits, or several.
    """
    rows = []
    for decision, ids in zip(DECISIONS, (accept, reject), strict=True):
        for case_id in dict.fromkeys(i for name in ids for i in _named(pending, name)):
            given = {"reason": reason} if reason else {}
            rows.append({"entry": decision, "case_id": case_id, **given, "at": at})
    twice = {r["case_id"] for r in rows if sum(x["case_id"] == r["case_id"] for x in rows) > 1}
    if twice:
        raise HomeError(f"{min(twice)} cannot be accepted and rejected at once.")
    return rows


def _named(pending: Pending, name: str) -> list[str]:
    found = [p.case_id for p in pending.waiting if name == "all" or p.case_id.startswith(name)]
    if not found or (len(found) > 1 and name != "all"):
        waiting = ", ".join(p.case_id for p in pending.waiting[:10]) or "none"
        begins = f"{len(found)} waiting cases begin" if found else "No waiting case begins"
        raise HomeError(f"{begins} with {name!r}; waiting: {waiting}.")
    return found


def describe_proposal(proposal: ProposedCase) -> str:
    """Return a proposal as a person reviews it in a terminal."""
    d = proposal.draft
    about = [f"{proposal.case_id}  {d.kind}, {_plain(d.transform or '')}"]
    about += [f"  realism  {proposal.realism} of 5"] if proposal.realism else []
    about += [f"  parent   {d.parent_case_id}"] if d.parent_case_id else []
    about += [f"  before   {_plain(json.dumps(d.messages[:-1], ensure_ascii=False)[:300])}"] if d.messages[:-1] else []
    about += [f"  message  {_plain(d.input)}"]
    return "\n".join([*about, *([f"  criteria {_plain(d.criteria)}"] if d.criteria else [])])


def _plain(text: str) -> str:
    """Return a text without the control characters that could steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)[:2_000]
