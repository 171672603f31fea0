"""Build the taxonomy: what is known stays, new failures are assigned, what fits nowhere makes new modes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from flywheel_pipeline.ports import Embed
from flywheel_pipeline.stats import Rate, proportion
from flywheel_pipeline.steps.cluster.analyst import Analyst, Decision, Grouped, Proposed
from flywheel_pipeline.steps.cluster.features import Floats, see
from flywheel_pipeline.steps.cluster.group import MAX_GROUPS, centroids, group_texts
from flywheel_pipeline.steps.cluster.match import match_groups
from flywheel_pipeline.steps.cluster.modes import Failure, Member, Mode, mint_mode
from flywheel_pipeline.steps.cluster.preprocess import Note

COHESION = 0.25
"""Mean cosine between failures which fit no known mode that they must have to become a mode together."""


@dataclass(frozen=True)
class Taxonomy:
    """All modes with all their members, what is new, and what fits nowhere.

    `added` are the names of new modes, `unassigned` the failures that belong to no mode for now, `agreement` how
    often two passes over this run's failures said the same; None where nothing was looked at twice.
    """

    modes: tuple[Mode, ...]
    added: tuple[str, ...]
    unassigned: tuple[Member, ...] = ()
    agreement: Rate | None = None

    @property
    def n_unassigned(self) -> int:
        """How many failures belong to no mode."""
        return len(self.unassigned)


@dataclass
class _State:
    """What a run has decided so far."""

    modes: list[Mode]
    unassigned: dict[str, Member] = field(default_factory=dict)
    passes: list[bool] = field(default_factory=list)


def build_taxonomy(failures: Sequence[Failure], known: Sequence[Mode], analyst: Analyst, max_modes: int) -> Taxonomy:
    """Put every failure into one mode, or leave it unassigned; modes are only ever added.

    A failure that is a member already, with the same text, stays where it is (so that a person's moves
    last and a re-run asks nothing). One that the expert gave a category goes to the mode of that name.
    The others are assigned to a known mode; those that fit none are grouped by likeness, a group that is a known
    mode after all (`match_groups`) joins it, and the others become modes with names. Long lists go in batches,
    and each batch meets the modes of those before it. Where a call failed the failure waits for the next run.

    Raises:
        ModelError: the model gave no usable name for the groups.
    """
    categorised = _with_categories(failures, list(known))
    placed = {(m.trace_id, m.text) for mode in categorised for m in mode.members}
    fresh = [f for f in failures if (f.trace_id, f.text) not in placed]
    before = {m.mode_id for m in known}
    state = _State(_without({f.trace_id for f in fresh}, categorised))
    waiting: list[tuple[Failure, Note]] = []
    for number, batch in enumerate(_batches(fresh, analyst.batch)):
        coded = list(zip(batch, analyst.reduce(batch), strict=True))
        waiting += _assign(coded, state, analyst, sure=number > 0)
        room = max_modes - len(_live(state.modes))
        if waiting and (room > 0 or number == 0):
            waiting = _find_modes(waiting, state, known, analyst, max(2, room))
    modes = [m for m in state.modes if m.members or m.mode_id in before]
    agreement = proportion(sum(state.passes), len(state.passes)) if state.passes else None
    added = tuple(m.name for m in modes if m.mode_id not in before)
    return Taxonomy(tuple(modes), added, tuple(state.unassigned.values()), agreement)


def _batches(failures: Sequence[Failure], size: int) -> Iterator[list[Failure]]:
    """Yield the failures in batches; several are drawn by hash, so that the first is like all."""
    order = list(failures)
    if len(order) > size:
        order.sort(key=lambda f: hashlib.sha256(f.trace_id.encode()).digest())
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _live(modes: Sequence[Mode]) -> list[Mode]:
    """Return the modes that failures may be assigned to."""
    return [m for m in modes if m.status != "retired"]


def _with_categories(failures: Sequence[Failure], modes: list[Mode]) -> list[Mode]:
    """Give every category of the expert a mode, and its failures to it: the expert's word wins."""
    for category in dict.fromkeys(f.category for f in failures if f.category):
        own = {f.trace_id: Member(f.trace_id, f.text, "HUMAN", 1.0) for f in failures if f.category == category}
        first = next(f for f in failures if f.category == category)
        definition = f"The expert's own category, as in: {first.comment[:300]}"
        minted = mint_mode(category, definition, [category], status="accepted")
        known = [m for m in modes if m.mode_id == minted.mode_id or m.name.lower() == category.lower()]
        at = modes.index(known[0]) if known else len(modes)
        modes += [] if known else [minted]
        stayed = [own.pop(x.trace_id, x) for x in modes[at].members]
        modes = _without({f.trace_id for f in failures if f.category == category}, modes)
        modes[at] = replace(modes[at], members=(*stayed, *own.values()))
    return modes


def _without(traces: set[str], modes: Sequence[Mode]) -> list[Mode]:
    """Return the modes without the given traces as members."""
    return [replace(m, members=tuple(x for x in m.members if x.trace_id not in traces)) for m in modes]


def _assign(
    coded: Sequence[tuple[Failure, Note]], state: _State, analyst: Analyst, sure: bool
) -> list[tuple[Failure, Note]]:
    """Assign to the modes there are; return what fits none of them."""
    modes = _live(state.modes)
    if not any(m.members for m in modes) and not any(m.status == "accepted" for m in modes):
        return list(coded)
    decisions = analyst.assign([f for f, _ in coded], [c for _, c in coded], modes, sure)
    _settle([f for f, _ in coded], decisions, state, analyst.by)
    return [(f, c) for (f, c), d in zip(coded, decisions, strict=True) if d is not None and d.mode_id is None]


def _settle(failures: Sequence[Failure], decisions: Sequence[Decision | None], state: _State, by: str) -> None:
    """Move every failure to where its decision says; without a decision it stays where it is."""
    decided = [(f, d) for f, d in zip(failures, decisions, strict=True) if d is not None]
    state.modes = _without({f.trace_id for f, _ in decided}, state.modes)
    joined: dict[str, list[Member]] = {m.mode_id: [] for m in state.modes}
    for f, d in decided:
        member = Member(f.trace_id, f.text, by, round(d.confidence, 3), d.quote)
        if d.mode_id is None:
            state.unassigned[f.trace_id] = member
        else:
            joined[d.mode_id].append(member)
            state.unassigned.pop(f.trace_id, None)
    state.modes = [replace(m, members=(*m.members, *joined[m.mode_id])) for m in state.modes]
    state.passes += [d.again == d.mode_id for _, d in decided if d.checked]


def _find_modes(
    coded: Sequence[tuple[Failure, Note]],
    state: _State,
    known: Sequence[Mode],
    analyst: Analyst,
    most: int,
) -> list[tuple[Failure, Note]]:
    """Make modes of failures that fit none; return those that still do not."""
    had_modes = any(m.members for m in _live(state.modes))
    grouped = _grouped(coded, analyst.embed, alone=not had_modes)
    grouped = replace(grouped, groups=_recognised(grouped, state, known, analyst.embed))
    if grouped.groups:
        grouped = replace(grouped, groups=analyst.merge(grouped, most))
        proposed = analyst.name(grouped, _live(state.modes), most)
        state.modes = _merged([*state.modes, *(_minted(p, grouped) for p in proposed)])
        looked_at = _only(grouped)
        decisions = analyst.confirm(looked_at, _live(state.modes))
        for f in looked_at.failures:
            state.unassigned.pop(f.trace_id, None)
        _settle(looked_at.failures, decisions, state, analyst.by)
    placed = {x.trace_id for m in state.modes for x in m.members}
    left = [(f, c) for f, c in coded if f.trace_id not in placed]
    for f, _ in left:
        state.unassigned.setdefault(f.trace_id, Member(f.trace_id, f.text, analyst.by, 0.0))
    return left


def _grouped(coded: Sequence[tuple[Failure, Note]], embed: Embed, alone: bool) -> Grouped:
    """Group by likeness; where modes are known, one failure `alone` or a loose group is not yet a mode."""
    failures, notes = [f for f, _ in coded], [c for _, c in coded]
    views, likeness = see(notes, embed)
    groups = group_texts(views, MAX_GROUPS)
    kept = [g for g in groups if alone or (len(g) > 1 and _cohesion(views[g]) >= COHESION)]
    return Grouped(failures, notes, kept, views, likeness)


def _cohesion(views: Floats) -> float:
    """Return the mean cosine between different rows."""
    n = len(views)
    return float((np.square(views.sum(axis=0)).sum() - np.square(views).sum()) / (n * (n - 1)))


def _recognised(grouped: Grouped, state: _State, known: Sequence[Mode], embed: Embed) -> list[list[int]]:
    """Give the groups that are known modes after all to them; return the others."""
    ids = {m.mode_id for m in _live(state.modes)}
    candidates = [m for m in known if m.mode_id in ids and m.members]
    if not grouped.groups or not candidates:
        return grouped.groups
    texts = grouped.texts()
    known_texts = [[x.text for x in m.members[:100]] for m in candidates]
    matched = match_groups(
        [{grouped.failures[i].trace_id for i in g} for g in grouped.groups],
        [{x.trace_id for x in m.members} for m in candidates],
        _similarity(texts, known_texts, embed),
    )
    for g, k in matched.items():
        own = [grouped.failures[i] for i in grouped.groups[g]]
        _settle(own, [Decision(candidates[k].mode_id, 0.5) for _ in own], state, "CODE")
    return [g for i, g in enumerate(grouped.groups) if i not in matched]


def _similarity(groups: Sequence[Sequence[str]], known: Sequence[Sequence[str]], embed: Embed) -> object:
    flat = [t for part in (*groups, *known) for t in part]
    vectors, numbers = np.asarray(embed.embed(flat)), iter(range(len(flat)))
    middles = centroids([[next(numbers) for _ in part] for part in (*groups, *known)], vectors)
    return middles[: len(groups)] @ middles[len(groups) :].T


def _only(grouped: Grouped) -> Grouped:
    """Return the failures that are in a group, in the order of the groups."""
    rows = [i for g in grouped.groups for i in g]
    at: Mapping[int, int] = {i: k for k, i in enumerate(rows)}
    return Grouped(
        [grouped.failures[i] for i in rows], [grouped.notes[i] for i in rows],
        [[at[i] for i in g] for g in grouped.groups], grouped.views[rows], grouped.likeness[rows],
    )  # fmt: skip


def _minted(proposed: Proposed, grouped: Grouped) -> Mode:
    """Return the proposed mode with the failures of its groups; those it names as examples come first."""
    rows = [i for g in proposed.groups for i in grouped.groups[g]]
    rows.sort(key=lambda i: grouped.notes[i].whole not in proposed.examples)
    own = [grouped.failures[i] for i in rows]
    minted = mint_mode(proposed.name, proposed.definition, [f.trace_id for f in own])
    members = tuple(Member(f.trace_id, f.text, "CODE", 0.5) for f in own)
    return replace(minted, inclusion=proposed.inclusion, exclusion=proposed.exclusion, members=members)


def _merged(modes: Sequence[Mode]) -> list[Mode]:
    """Return the modes with those of equal id made one: what it is made of decides what a mode is."""
    by_id: dict[str, Mode] = {}
    for m in modes:
        same = by_id.get(m.mode_id)
        by_id[m.mode_id] = replace(same, members=(*same.members, *m.members)) if same else m
    return list(by_id.values())
