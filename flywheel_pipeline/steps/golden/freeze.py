"""Grow the golden set: cases are only ever added, each mode up to its quota, happy paths to match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.ports import Embed
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.golden.cases import Draft, LabelledTrace, draft_case, golden_case
from flywheel_pipeline.steps.golden.select import facility_location, quota
from flywheel_pipeline.steps.golden.split import families, split_of
from flywheel_pipeline.steps.golden.synthesise import vary_case

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Quotas:
    """How many cases a mode may have."""

    max_per_mode: int = 15
    synthetic_per_mode: int = 2


def grow_golden_set(
    existing: Sequence[GoldenCase],
    traces: Sequence[LabelledTrace],
    embed: Embed,
    quotas: Quotas,
    added_in: str,
) -> list[GoldenCase]:
    """Return the cases to add to `existing`.

    Every mode gets the failures that represent it best (`facility_location`, `select.quota`) and variations
    of the first ones; happy paths are added until there are as many as failures, half of them the passing
    traces closest to a failure, half spread over the rest. Nothing existing is removed or changed.
    """
    drafts = [d for d in map(draft_case, traces) if d is not None]
    taken = {c.case_id for c in existing}
    unique = list({d.case_id: d for d in drafts}.values())
    if not unique:
        return []
    vectors = np.asarray(embed.embed([d.input for d in unique]))
    failures = _failures(existing, unique, vectors, quotas)
    n_failures = len([c for c in existing if c.kind == "failure"]) + len(failures)
    n_happy = len([c for c in existing if c.kind == "happy_path"])
    happy = _happy_paths(unique, vectors, n_failures - n_happy, taken)
    varied = _variations(existing, failures, quotas.synthetic_per_mode)
    new: dict[str, Draft] = {}
    for draft in (*failures, *happy, *varied):
        if draft.case_id not in taken:
            new.setdefault(draft.case_id, draft)
    sessions = {t.trace_id: t.session_id or t.trace_id for t in traces}
    return _frozen(existing, list(new.values()), sessions, embed, added_in)


def _failures(existing: Sequence[GoldenCase], drafts: Sequence[Draft], vectors: Floats, quotas: Quotas) -> list[Draft]:
    chosen: list[Draft] = []
    have = {c.case_id for c in existing}
    for mode in dict.fromkeys(d.mode_id for d in drafts if d.kind == "failure"):
        rows = [i for i, d in enumerate(drafts) if d.mode_id == mode and d.kind == "failure"]
        kept = [k for k, i in enumerate(rows) if drafts[i].case_id in have]
        had = sum(c.kind == "failure" and c.mode_id == mode for c in existing)
        wanted = quota(len(rows), quotas.max_per_mode) - max(had, len(kept))
        chosen += [drafts[rows[k]] for k in facility_location(vectors[rows], max(0, wanted), kept)]
    return chosen


def _happy_paths(drafts: Sequence[Draft], vectors: Floats, n: int, taken: set[str]) -> list[Draft]:
    rows = [i for i, d in enumerate(drafts) if d.kind == "happy_path"]
    failed = [i for i, d in enumerate(drafts) if d.kind == "failure"]
    free = [i for i in rows if drafts[i].case_id not in taken]
    if n <= 0 or not free:
        return []
    closeness = (vectors[free] @ vectors[failed].T).max(axis=1) if failed else np.zeros(len(free))
    near = [free[int(k)] for k in np.argsort(-closeness, kind="stable")[: (n + 1) // 2]]
    have = [k for k, i in enumerate(rows) if drafts[i].case_id in taken or i in near]
    spread = [rows[k] for k in facility_location(vectors[rows], n - len(near), have)]
    return [drafts[i] for i in [*near, *spread]]


def _variations(existing: Sequence[GoldenCase], failures: Sequence[Draft], n: int) -> list[Draft]:
    """Return variations of the first new failure of every mode that has none yet."""
    have = {c.mode_id for c in existing if c.kind == "synthetic"}
    first = {d.mode_id: d for d in reversed(failures)}
    return [v for mode, d in first.items() if mode not in have for v in vary_case(d, n)]


def _frozen(
    existing: Sequence[GoldenCase], drafts: Sequence[Draft], sessions: Mapping[str, str], embed: Embed, added_in: str
) -> list[GoldenCase]:
    """Give the drafts their families and splits; cases of one session, or one trace, are of one family."""
    if not drafts:
        return []
    texts = [*(c.input for c in existing), *(d.input for d in drafts)]
    traces = [*(c.source_trace_id or c.case_id for c in existing), *(d.trace.trace_id for d in drafts)]
    sources = [sessions.get(t, t) for t in traces]
    found = families(texts, sources, embed.embed(texts), [c.family for c in existing])[len(existing) :]
    return [golden_case(d, f, split_of(f), added_in) for d, f in zip(drafts, found, strict=True)]
