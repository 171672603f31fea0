"""Rows that were read -> new cases of the golden set, each with a family and the split that the family decides."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from flywheel_pipeline.leakage import asked
from flywheel_pipeline.ports import Embed
from flywheel_pipeline.records import KINDS, GoldenCase
from flywheel_pipeline.steps.golden.cases import content_id
from flywheel_pipeline.steps.golden.exchange.read import ReadRow, Rejected
from flywheel_pipeline.steps.golden.exchange.rows import SPECS, Row, case_of, row_of
from flywheel_pipeline.steps.golden.split import families, split_of

_OWN = ("case_id", "family", "split", "added_in", "mode_id")
"""Fields that this home decides: a case that differs in them only is the same."""


TORN = "it would tie together families of different splits: no split can hold it without a leak"


@dataclass(frozen=True)
class Admitted:
    """What became of the rows: rows = added + known + torn; of the known, `differing` say something else than here."""

    added: tuple[GoldenCase, ...]
    n_known: int
    differing: tuple[tuple[int, str, str], ...] = ()
    """(line, case_id, the fields that differ)."""
    torn: tuple[Rejected, ...] = ()
    """Rows that no split could hold without a leak."""


def admit_cases(
    rows: Sequence[ReadRow],
    existing: Sequence[GoldenCase],
    taken: Collection[str],
    embed: Embed,
    kind: str,
    source: str,
) -> Admitted:
    """Return the cases to add; nothing that exists is changed.

    The id follows from the kind and the conversation. An item that says no kind is the case here of any kind with this
    conversation, else of the kind `kind`. `taken` are ids that may not come again, `source` goes into `added_in`. The
    family is that of a case here that it nearly repeats or shares the trace with, else the one it had where it was
    exported; the family decides the split.
    """
    known = {content_id(c.kind, json.loads(c.messages)): c for c in existing} | {c.case_id: c for c in existing}
    here = {*known, *taken}
    new: dict[str, Row] = {}
    lines: dict[str, int] = {}
    differing: list[tuple[int, str, str]] = []
    for read in rows:
        row = _identified(read.row, kind, {*here, *new})
        case_id = row["case_id"]
        same = row_of(known[case_id]) if case_id in known else new.get(case_id)
        if same is None and case_id not in here:
            new[case_id], lines[case_id] = {**row, "added_in": source}, read.line
        names = [k for k in SPECS if k in row and k not in _OWN and row[k] != same.get(k)] if same else []
        differing += [(read.line, case_id, ", ".join(names))] if names else []
    placed = list(zip(new.values(), _families(list(new.values()), existing, embed), strict=True))
    added = tuple(case_of({**r, "family": f, "split": split_of(f)}) for r, f in placed if f)
    torn = tuple(Rejected(lines[r["case_id"]], TORN, r["input"][:200]) for r, f in placed if not f)
    return Admitted(added, len(rows) - len(new), tuple(differing), torn)


def _identified(row: Row, kind: str, here: Collection[str]) -> Row:
    kinds = [row["kind"]] if row.get("kind") else [kind, *KINDS]
    ids = {k: content_id(k, row["messages"]) for k in kinds}
    chosen = next((k for k, i in ids.items() if i in here), kinds[0])
    return {**row, "kind": chosen, "case_id": ids[chosen]}


def _families(rows: Sequence[Row], existing: Sequence[GoldenCase], embed: Embed) -> list[str | None]:
    if not rows:
        return []
    texts = [*(asked(c.messages) for c in existing), *(asked(r["messages"]) for r in rows)]
    sources = [*(c.session_id or c.source_trace_id or c.case_id for c in existing),
               *(r.get("session_id") or r.get("source_trace_id") or r["case_id"] for r in rows)]  # fmt: skip
    known = [c.family for c in existing]
    found = families(texts, sources, embed.embed(texts), known)[len(existing) :]
    return name_families(found, [r.get("family") for r in rows], set(known))


def name_families(
    found: Sequence[str | None], claimed: Sequence[str | None], here: Collection[str]
) -> list[str | None]:
    """Return the family of every row; `found` is that of the fence, `claimed` the one where the row comes from.

    Rows of one family, here or there, are of one. Its name is one that exists here, else one that they had, else one
    that was found. None for rows that would tie together families of different splits.
    """
    root: dict[str, str] = {}
    for pair in zip(found, claimed, strict=True):
        roots = {_root(root, name) for name in pair if name}
        root.update(dict.fromkeys(roots, min(roots, default="")))
    ends: dict[str, set[str]] = {}
    for name in sorted({*found, *claimed} - {None}, key=str):
        ends.setdefault(_root(root, str(name)), set()).add(str(name))
    return [_name(f, ends[_root(root, f)], claimed, here) if f else None for f in found]


def _name(found: str, group: Collection[str], claimed: Collection[str | None], here: Collection[str]) -> str | None:
    ours = sorted(name for name in group if name in here)
    if len({split_of(name) for name in ours}) > 1:
        return None
    if ours:
        return found if found in ours else ours[0]
    return min((name for name in group if name in claimed), default=found)


def _root(root: Mapping[str, str], name: str) -> str:
    while root.get(name, name) != name:
        name = root[name]
    return name
