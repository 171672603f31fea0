"""Grow the golden set: cases are only ever added, each mode up to its quota, happy paths to match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flywheel_pipeline.leakage import asked
from flywheel_pipeline.ports import Embed
from flywheel_pipeline.records import GoldenCase
from flywheel_pipeline.steps.golden.cases import Draft, LabelledTrace, draft_case, golden_case
from flywheel_pipeline.steps.golden.ledger import active
from flywheel_pipeline.steps.golden.select import facility_location, nearest_in_turn
from flywheel_pipeline.steps.golden.split import families, split_of
from flywheel_pipeline.steps.golden.synthesise import vary_case

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Quotas:
    """The most cases that a failure mode may have."""

    max_per_mode: int = 40
    """The gate guards a mode only with enough test cases of its own, and about half of the cases are in test."""
    synthetic_per_mode: int = 2


@dataclass(frozen=True)
class Growth:
    """What to add, what would have leaked, and how many passing traces are missing for the happy paths."""

    added: tuple[GoldenCase, ...] = ()
    left_out: tuple[Draft, ...] = ()
    """Questions like cases of two splits at once: in either they would give the other away."""
    n_passes_missing: int = 0
    """Happy paths that are wanted, one a failure, and for which there is no labelled pass."""


def grow_golden_set(
    existing: Sequence[GoldenCase],
    traces: Sequence[LabelledTrace],
    embed: Embed,
    quotas: Quotas,
    added_in: str,
    accepted: Sequence[Draft] = (),
) -> Growth:
    """Return the cases to add to `existing`.

    Every mode gets the failures that represent it best (`facility_location`), up to `max_per_mode`, and variations
    of the first ones; happy paths are added until there are as many as failures, half of them passing neighbours of
    the failures, each failure's nearest in turn, half spread over the rest. `accepted` are proposed cases that a
    person accepted. Nothing existing is removed or changed; a retired case never comes back, but leaves its place to
    another.
    """
    drafts = [d for d in map(draft_case, traces) if d is not None]
    unique = list({d.case_id: d for d in drafts}.values())
    counted, taken = active(existing), {c.case_id for c in existing}
    vectors = np.asarray(embed.embed([d.input for d in unique])) if unique else np.zeros((0, 1))
    failures = _failures(existing, unique, vectors, quotas)
    n_failures = sum(c.kind == "failure" for c in counted) + len(failures)
    n_happy = sum(c.kind == "happy_path" for c in counted)
    guarded = {c.case_id for c in counted} | {d.case_id for d in failures}
    happy = _happy_paths(unique, vectors, n_failures - n_happy, taken, guarded)
    varied = _variations(counted, failures, quotas.synthetic_per_mode)
    new: dict[str, Draft] = {}
    for draft in (*failures, *happy, *varied, *accepted):
        if draft.case_id not in taken:
            new.setdefault(draft.case_id, draft)
    sessions = {t.trace_id: t.session_id or t.trace_id for t in traces}
    added, left_out = _frozen(existing, list(new.values()), sessions, embed, added_in)
    missing = sum(c.kind == "failure" for c in (*counted, *added)) - sum(
        c.kind == "happy_path" for c in (*counted, *added)
    )
    return Growth(added, left_out, max(0, missing))


def _failures(existing: Sequence[GoldenCase], drafts: Sequence[Draft], vectors: Floats, quotas: Quotas) -> list[Draft]:
    chosen: list[Draft] = []
    retired = {c.case_id for c in existing if c.status == "retired"}
    have = {c.case_id for c in existing} - retired
    for mode in dict.fromkeys(d.mode_id for d in drafts if d.kind == "failure"):
        rows = [
            i for i, d in enumerate(drafts) if d.mode_id == mode and d.kind == "failure" and d.case_id not in retired
        ]
        kept = [k for k, i in enumerate(rows) if drafts[i].case_id in have]
        had = sum(c.kind == "failure" and c.mode_id == mode for c in active(existing))
        wanted = min(len(rows), quotas.max_per_mode) - max(had, len(kept))
        chosen += [drafts[rows[k]] for k in facility_location(vectors[rows], max(0, wanted), kept)]
    return chosen


def _happy_paths(drafts: Sequence[Draft], vectors: Floats, n: int, taken: set[str], guarded: set[str]) -> list[Draft]:
    """Return `n` passes: half the neighbours of the `guarded` failures, half those that represent the others."""
    rows = [i for i, d in enumerate(drafts) if d.kind == "happy_path"]
    failed = [i for i, d in enumerate(drafts) if d.kind == "failure" and d.case_id in guarded]
    free = [i for i in rows if drafts[i].case_id not in taken]
    if n <= 0 or not free:
        return []
    near = [free[k] for k in nearest_in_turn(vectors[free], vectors[failed], (n + 1) // 2)]
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
) -> tuple[tuple[GoldenCase, ...], tuple[Draft, ...]]:
    """Give the drafts their families and splits; cases of one session, or one trace, are of one family."""
    if not drafts:
        return (), ()
    texts = [*(asked(c.messages) for c in existing), *(asked(d.messages) for d in drafts)]
    everything: list[GoldenCase | Draft] = [*existing, *drafts]
    sources = [_source(x, sessions) for x in everything]
    found = families(texts, sources, embed.embed(texts), [c.family for c in existing])[len(existing) :]
    placed = list(zip(drafts, found, strict=True))
    out = {d.case_id for d, f in placed if f is None}
    out |= {d.case_id for d in drafts if d.parent_case_id in out}
    added = tuple(golden_case(d, f, split_of(f), added_in) for d, f in placed if f and d.case_id not in out)
    return added, tuple(d for d in drafts if d.case_id in out)


def _source(of: GoldenCase | Draft, sessions: Mapping[str, str]) -> str:
    """Return the conversation that a case, or its parent, is from; cases from before it was noted are looked up."""
    trace = of.source_trace_id or of.case_id
    return of.session_id or sessions.get(trace, trace)
