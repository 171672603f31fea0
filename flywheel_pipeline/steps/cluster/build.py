"""Build the taxonomy: what is known stays, new failures are assigned, what fits nowhere makes new modes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from flywheel_pipeline.ports import Embed
from flywheel_pipeline.stats import Rate, proportion
from flywheel_pipeline.steps.cluster.analyst import Analyst, Decision, Grouped, stay
from flywheel_pipeline.steps.cluster.features import view_texts
from flywheel_pipeline.steps.cluster.group import COHESION, centroids, cohesion, group_notes
from flywheel_pipeline.steps.cluster.match import match_groups
from flywheel_pipeline.steps.cluster.modes import Failure, Member, Mode, mint_mode
from flywheel_pipeline.steps.cluster.naming import ProposedMode
from flywheel_pipeline.steps.cluster.preprocess import Note, join_same_words, same_words
from flywheel_pipeline.steps.cluster.verbatim import places_of_words

FITS_NONE, ALONE = "fits no failure mode", "resembles no other failure"
"""Why a failure belongs to no mode."""


@dataclass(frozen=True)
class Unassigned:
    """A failure that belongs to no mode for now: the text that was compared, who decided, how sure, and why."""

    trace_id: str
    text: str
    assigned_by: str
    confidence: float
    reason: str


@dataclass(frozen=True)
class Taxonomy:
    """All modes with all their members, what is new, and what fits nowhere.

    Attributes:
        added: the names of new modes.
        unassigned: the failures that belong to no mode for now.
        agreement: how often two looks at this run's failures agreed; None where nothing was looked at twice.
        problems: what a model's replies about names lacked, so that groups are left to review.
    """

    modes: tuple[Mode, ...]
    added: tuple[str, ...]
    unassigned: tuple[Unassigned, ...] = ()
    agreement: Rate | None = None
    problems: tuple[str, ...] = ()

    @property
    def n_unassigned(self) -> int:
        """How many failures belong to no mode."""
        return len(self.unassigned)


@dataclass
class _State:
    """What a run has decided so far."""

    modes: list[Mode]
    unassigned: dict[str, Unassigned] = field(default_factory=dict)
    passes: list[bool] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def build_taxonomy(failures: Sequence[Failure], known: Sequence[Mode], analyst: Analyst, max_modes: int) -> Taxonomy:
    """Put every failure into one mode, or leave it unassigned; modes are only ever added.

    A failure that is a member already, with the same text, stays where it is (so that a person's moves last and a
    re-run asks nothing). One that the expert gave a category goes to the mode of that name, one in the very words of a
    mode's name or members goes to that mode. The others are assigned to a known mode; those that fit none are grouped
    by similarity, a group that is a known mode after all (`match_groups`) joins it, and the others become modes.
    Failures in the same words are decided once, together. Long lists go in batches, and each batch meets the modes of
    those before it. Where a call failed the failure is unassigned, and the next run asks again; a group that no model
    has named is a group to review, and is named as soon as one does. The order of `failures` makes no difference.
    """
    failures = sorted(failures, key=lambda f: f.trace_id)
    categorised = _with_categories(failures, list(known))
    placed = {(m.trace_id, m.text) for mode in categorised for m in mode.members}
    fresh = [f for f in failures if (f.trace_id, f.text) not in placed]
    before = {m.mode_id for m in known}
    state = _State(_without({f.trace_id for f in fresh}, categorised))
    _name_groups(state, analyst, max_modes)
    waiting: list[Note] = []
    for number, batch in enumerate(_batches(_assign_verbatim(fresh, state), analyst.batch)):
        waiting += _assign(_reduced(batch, analyst), state, analyst)
        room = max_modes - len(_live(state.modes))
        if waiting and (room > 0 or number == 0):
            waiting = _find_modes(join_same_words(waiting), state, known, analyst, max(2, room))
    modes = [m for m in state.modes if m.members or m.mode_id in before]
    agreement = proportion(sum(state.passes), len(state.passes)) if state.passes else None
    added = tuple(m.name for m in modes if m.mode_id not in before)
    unassigned = tuple(state.unassigned[t] for t in sorted(state.unassigned))
    return Taxonomy(tuple(modes), added, unassigned, agreement, tuple(dict.fromkeys(state.problems)))


def _batches(notes: Sequence[Note], size: int) -> Iterator[list[Note]]:
    """Yield the notes in batches; several are drawn by hash, so that the first is like all."""
    order = list(notes)
    if len(order) > size:
        order.sort(key=lambda n: hashlib.sha256(n.key.encode()).digest())
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _reduced(batch: Sequence[Note], analyst: Analyst) -> list[Note]:
    """Return the notes by the codes that the analyst makes of them: those of equal codes become one."""
    texts = analyst.reduce([n.failures[0] for n in batch])
    return join_same_words([Note(text, n.failures) for text, n in zip(texts, batch, strict=True)])


def _name_groups(state: _State, analyst: Analyst, most: int) -> None:
    """Name the groups that an earlier run left to review, where a model can; their failures stay where they are.

    Where the model makes one mode of several groups, these are left to review: a merge is for a person to decide.
    """
    live = _live(state.modes)
    groups = [m for m in live if m.is_group and m.members]
    if not groups:
        return
    named = analyst.name([[x.text for x in m.members] for m in groups], [m for m in live if m not in groups], most)
    state.problems += named.problems
    for p in named.modes:
        if p.definition and len(p.groups) == 1:
            group = groups[p.groups[0]]
            texts = {n: getattr(p, n) for n in ("name", "definition", "belongs", "does_not_belong")}
            state.modes[state.modes.index(group)] = replace(group, **texts)


def _live(modes: Sequence[Mode]) -> list[Mode]:
    """Return the modes that failures may be assigned to."""
    return [m for m in modes if m.is_live]


def _with_categories(failures: Sequence[Failure], modes: list[Mode]) -> list[Mode]:
    """Give every category of the expert a mode, and its failures to it: the expert's word wins."""
    for category in sorted({f.category for f in failures if f.category}):
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


def _assign_verbatim(fresh: Sequence[Failure], state: _State) -> list[Note]:
    """Place the failures whose very words have a place already; return the others."""
    notes = join_same_words([Note(f.text, (f,)) for f in fresh])
    places = places_of_words(_live(state.modes))
    known = [n for n in notes if n.key in places]
    _record(known, [Decision(*places[n.key]) for n in known], state, "CODE")
    return [n for n in notes if n.key not in places]


def _assign(notes: Sequence[Note], state: _State, analyst: Analyst) -> list[Note]:
    """Assign to the modes there are; return what fits none of them."""
    modes = _live(state.modes)
    if not any(m.members for m in modes) and not any(m.status == "accepted" for m in modes):
        return list(notes)
    decisions = analyst.assign(notes, modes)
    _record(notes, decisions, state, analyst.by)
    return [n for n, d in zip(notes, decisions, strict=True) if d.mode_id is None and not d.error]


def _record(notes: Sequence[Note], decisions: Sequence[Decision | None], state: _State, by: str) -> None:
    """Move the failures of every note to where its decision says; without a decision they stay where they are.

    Of those that stay in their mode the order stays, too: the first are its representative comments.
    """
    order = {(m.mode_id, x.trace_id): k for m in state.modes for k, x in enumerate(m.members)}
    decided = [(f, d) for n, d in zip(notes, decisions, strict=True) if d is not None for f in n.failures]
    state.modes = _without({f.trace_id for f, _ in decided}, state.modes)
    joined: dict[str, list[Member]] = {m.mode_id: [] for m in state.modes}
    for f, d in decided:
        member = Member(f.trace_id, f.text, by, round(d.confidence, 3), _genuine(d.quote, f))
        if d.mode_id is None:
            reason = d.error or FITS_NONE
            state.unassigned[f.trace_id] = Unassigned(f.trace_id, f.text, by, member.confidence, reason)
        else:
            joined[d.mode_id].append(member)
            state.unassigned.pop(f.trace_id, None)
    for mode_id, new in joined.items():
        new.sort(key=lambda x: order.get((mode_id, x.trace_id), len(order)))
    state.modes = [replace(m, members=(*m.members, *joined[m.mode_id])) for m in state.modes]
    state.passes += [d.again == d.mode_id for _, d in decided if d.checked]


def _genuine(quote: str, failure: Failure) -> str:
    """Return the quote if these words really are in the failure's description."""
    wanted = " ".join(quote.split())
    return quote if wanted and any(wanted in " ".join(t.split()) for t in (failure.text, failure.comment)) else ""


def _find_modes(notes: Sequence[Note], state: _State, known: Sequence[Mode], analyst: Analyst, most: int) -> list[Note]:
    """Make modes of notes that fit none; return those that still do not."""
    first = not any(m.members for m in _live(state.modes))
    grouped = _grouped(notes, analyst, analyst.groups_wanted(most), loose=first)
    grouped = _unrecognised(grouped, state, known, analyst.embed)
    if groups := analyst.merge(grouped, alone=first):
        grouped = _with_groups(grouped, groups)
        named = analyst.name(grouped.texts(), _live(state.modes), most)
        state.problems += named.problems
        state.modes = _merged([*state.modes, *(_minted(p, grouped) for p in named.modes)])
        _confirm(grouped, state, analyst)
    placed = {x.trace_id for m in state.modes for x in m.members}
    left = [n for n in grouped.notes if n.failures[0].trace_id not in placed]
    for f in (f for n in left for f in n.failures):
        state.unassigned.setdefault(f.trace_id, Unassigned(f.trace_id, f.text, "CODE", 0.0, ALONE))
    return left


def _confirm(grouped: Grouped, state: _State, analyst: Analyst) -> None:
    """Look at every note again, now that the groups are modes; a group that is to review keeps what fits no mode."""
    modes, notes = _live(state.modes), grouped.notes
    unnamed, kept = {m.mode_id for m in modes if m.is_group}, stay(grouped, modes)
    asked = analyst.confirm(grouped, modes)
    stays = [
        k if k is not None and k.mode_id in unnamed and (a is None or a.mode_id is None) else None
        for k, a in zip(kept, asked, strict=True)
    ]
    decisions = _by_name(notes, [a if s is None else s for s, a in zip(stays, asked, strict=True)], modes)
    for f in (f for n in notes for f in n.failures):
        state.unassigned.pop(f.trace_id, None)
    by_words = [s is not None and s is d for s, d in zip(stays, decisions, strict=True)]
    for is_code, by in ((False, analyst.by), (True, "CODE")):
        _record(notes, [d if w == is_code else None for d, w in zip(decisions, by_words, strict=True)], state, by)


def _grouped(notes: Sequence[Note], analyst: Analyst, most: int, loose: bool) -> Grouped:
    """Group by similarity; where modes are known, only a coherent group (not `loose`) is a mode beside them."""
    views = view_texts([n.text for n in notes], analyst.embed)
    found = group_notes(views, [len(n.failures) for n in notes], most)
    grouped = Grouped(notes, views, found)
    return _with_groups(grouped, [g for g in found.groups if loose or cohesion(views.plain[g]) >= COHESION])


def _with_groups(grouped: Grouped, groups: list[list[int]]) -> Grouped:
    return replace(grouped, found=replace(grouped.found, groups=groups))


def _unrecognised(grouped: Grouped, state: _State, known: Sequence[Mode], embed: Embed) -> Grouped:
    """Give the groups that are known modes after all to them; return the rest."""
    ids = {m.mode_id for m in _live(state.modes)}
    candidates = [m for m in known if m.mode_id in ids and m.members]
    if not grouped.groups or not candidates:
        return grouped
    known_texts = [[x.text for x in m.members[:100]] for m in candidates]
    matched = match_groups(
        [{f.trace_id for i in g for f in grouped.notes[i].failures} for g in grouped.groups],
        [{x.trace_id for x in m.members} for m in candidates],
        _similarity(grouped.texts(), known_texts, embed),
    )
    for g, k in matched.items():
        own = [grouped.notes[i] for i in grouped.groups[g]]
        _record(own, [Decision(candidates[k].mode_id, 0.5) for _ in own], state, "CODE")
    return _remaining(grouped, [g for i, g in enumerate(grouped.groups) if i not in matched])


def _remaining(grouped: Grouped, groups: list[list[int]]) -> Grouped:
    """Return the given groups, and the notes that were in none, without the notes of other groups."""
    gone = {i for g in grouped.groups for i in g} - {i for g in groups for i in g}
    rows = [i for i in range(len(grouped.notes)) if i not in gone]
    at, found = {i: k for k, i in enumerate(rows)}, grouped.found
    again = [None if (a := found.again[i]) is None else at.get(a, -1) for i in rows]
    kept = replace(found, groups=[[at[i] for i in g] for g in groups], confidence=found.confidence[rows], again=again)
    return Grouped([grouped.notes[i] for i in rows], grouped.views[rows], kept)


def _by_name(
    notes: Sequence[Note], decisions: Sequence[Decision | None], modes: Sequence[Mode]
) -> list[Decision | None]:
    """Return the decisions, but a note in the very words of a mode's name belongs to that mode."""
    named = {same_words(m.name): m.mode_id for m in modes}
    wanted = [named.get(n.key) for n in notes]
    return [
        Decision(w, 1.0) if w and (d is None or d.mode_id != w) else d for w, d in zip(wanted, decisions, strict=True)
    ]


def _similarity(groups: Sequence[Sequence[str]], known: Sequence[Sequence[str]], embed: Embed) -> object:
    flat = [t for part in (*groups, *known) for t in part]
    vectors, numbers = np.asarray(embed.embed(flat)), iter(range(len(flat)))
    middles = centroids([[next(numbers) for _ in part] for part in (*groups, *known)], vectors)
    return middles[: len(groups)] @ middles[len(groups) :].T


def _minted(proposed: ProposedMode, grouped: Grouped) -> Mode:
    """Return the proposed mode with the failures of its groups; those it names as examples come first."""
    rows = [i for g in proposed.groups for i in grouped.groups[g]]
    rows.sort(key=lambda i: grouped.notes[i].text not in proposed.examples)
    own = [f for i in rows for f in grouped.notes[i].failures]
    minted = mint_mode(proposed.name, proposed.definition, [f.trace_id for f in own])
    members = tuple(Member(f.trace_id, f.text, "CODE", 0.5) for f in own)
    return replace(minted, belongs=proposed.belongs, does_not_belong=proposed.does_not_belong, members=members)


def _merged(modes: Sequence[Mode]) -> list[Mode]:
    """Return the modes with those of equal id made one: what it is made of decides what a mode is."""
    by_id: dict[str, Mode] = {}
    for m in modes:
        same = by_id.get(m.mode_id)
        by_id[m.mode_id] = replace(same, members=(*same.members, *m.members)) if same else m
    return list(by_id.values())
