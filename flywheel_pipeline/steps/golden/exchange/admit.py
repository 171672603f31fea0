"""Rows that were read -> new cases of the golden set, each with a family and the split that the family decides."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from flywheel_pipeline.ports import Embed
from flywheel_pipeline.records import KINDS, GoldenCase
from flywheel_pipeline.steps.golden.cases import content_id
from flywheel_pipeline.steps.golden.exchange.read import ReadRow
from flywheel_pipeline.steps.golden.exchange.rows import SPECS, Row, case_of, row_of
from flywheel_pipeline.steps.golden.split import families, split_of

_OWN = ("case_id", "family", "split", "added_in", "mode_id")
"""Fields that this home decides: a case that differs in them only is the same."""


@dataclass(frozen=True)
class Admitted:
    """What became of the rows: rows = added + known, of which `differing` say something else than the case here."""

    added: tuple[GoldenCase, ...]
    n_known: int
    differing: tuple[tuple[int, str, str], ...]
    """(line, case_id, the fields that differ)."""


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
    differing: list[tuple[int, str, str]] = []
    for read in rows:
        row = _identified(read.row, kind, {*here, *new})
        case_id = row["case_id"]
        same = row_of(known[case_id]) if case_id in known else new.get(case_id)
        if same is None and case_id not in here:
            new[case_id] = {**row, "added_in": source}
        names = [k for k in SPECS if k in row and k not in _OWN and row[k] != same.get(k)] if same else []
        differing += [(read.line, case_id, ", ".join(names))] if names else []
    added = _with_families(list(new.values()), existing, embed)
    return Admitted(tuple(added), len(rows) - len(added), tuple(differing))


def _identified(row: Row, kind: str, here: Collection[str]) -> Row:
    kinds = [row["kind"]] if row.get("kind") else [kind, *KINDS]
    ids = {k: content_id(k, row["messages"]) for k in kinds}
    chosen = next((k for k, i in ids.items() if i in here), kinds[0])
    return {**row, "kind": chosen, "case_id": ids[chosen]}


def _with_families(rows: Sequence[Row], existing: Sequence[GoldenCase], embed: Embed) -> list[GoldenCase]:
    if not rows:
        return []
    texts = [*(c.input for c in existing), *(r["input"] for r in rows)]
    sources = [*(c.source_trace_id or c.case_id for c in existing),
               *(r.get("source_trace_id") or r["case_id"] for r in rows)]  # fmt: skip
    found = families(texts, sources, embed.embed(texts), [c.family for c in existing])[len(existing) :]
    names = _names(found, [r.get("family") for r in rows], {c.family for c in existing})
    return [case_of({**r, "family": f, "split": split_of(f)}) for r, f in zip(rows, names, strict=True)]


def _names(found: Sequence[str], claimed: Sequence[str | None], here: Collection[str]) -> list[str]:
    """Return the family of every row.

    Rows that are alike, or were of one family where they come from, are of one. Its name is one that exists here,
    else one that they had, else one that was found.
    """
    root: dict[str, str] = {}
    for one, other in zip(found, claimed, strict=True):
        pair = {_root(root, one), _root(root, other or one)}
        first = min(pair, key=lambda name: _rank(name, here, claimed))
        root.update(dict.fromkeys(pair, first))
    return [name if name in here else _root(root, name) for name in found]


def _rank(name: str, here: Collection[str], claimed: Sequence[str | None]) -> tuple[bool, bool, str]:
    return (name not in here, name not in claimed, name)


def _root(root: Mapping[str, str], name: str) -> str:
    while root.get(name, name) != name:
        name = root[name]
    return name
