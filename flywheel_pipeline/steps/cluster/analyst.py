"""Who answers the questions of axial coding: a model, or counting words. The pipeline is the same."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import KW_ONLY, dataclass
from itertools import combinations
from typing import Protocol

import numpy as np

from flywheel_pipeline.ports import LLM, Embed, Reply
from flywheel_pipeline.steps.cluster.ask import (
    Assignment,
    Code,
    NamedModes,
    SameFix,
    assign_ask,
    code_ask,
    name_ask,
    same_fix_ask,
)
from flywheel_pipeline.steps.cluster.classify import FITS_LIKE, Example, choose_modes
from flywheel_pipeline.steps.cluster.features import Views
from flywheel_pipeline.steps.cluster.group import Grouping, centroids
from flywheel_pipeline.steps.cluster.modes import Failure, Mode
from flywheel_pipeline.steps.cluster.naming import Naming, to_review, use_names
from flywheel_pipeline.steps.cluster.preprocess import Note, first_point

SIMILAR = 0.3
"""Cosine of two groups' centroids from which a model is asked whether one change would fix both."""

MAX_PAIRS, MAX_GROUPS = 20, 15
"""Pairs that a model is asked about, and groups that it names at once."""

FITS_GROUP = 0.10
"""Like `classify.FITS_LIKE` where the examples are groups not reviewed yet: in doubt a failure stays unassigned."""

LEAST_LIKE_GROUP = 0.2
"""Cosine with a group not reviewed yet below which a failure is not in it: three groups of the same words each are too
few pairs to show what is close by chance, and two texts that share an "and" would be."""

SINGLE_PASS = 0.5
"""What a model's confidence is multiplied by when its second pass, with the modes in another order, disagrees."""


@dataclass(frozen=True)
class Grouped:
    """The notes of one batch, their views, and the groups that they were put into."""

    notes: Sequence[Note]
    views: Views
    found: Grouping

    @property
    def groups(self) -> list[list[int]]:
        """The groups as numbers of notes: the note of most failures first, then the most central."""
        return self.found.groups

    def texts(self) -> list[list[str]]:
        """Return the texts of every group."""
        return [[self.notes[i].text for i in g] for g in self.groups]


@dataclass(frozen=True)
class Decision:
    """Where a note belongs: `mode_id` None is unassigned; `again` is the result of a second look, if `checked`.

    `error` says why there is no decision: the note is unassigned until the next run asks again.
    """

    mode_id: str | None
    confidence: float
    quote: str = ""
    again: str | None = None
    checked: bool = False
    error: str = ""


class Analyst(Protocol):
    """The answers that the pipeline needs; a failed call costs what it asked for, and nothing else."""

    @property
    def by(self) -> str:
        """What stands in `assigned_by`."""
        ...

    @property
    def batch(self) -> int:
        """Notes that are grouped at a time; the next batch meets the modes of those before it."""
        ...

    @property
    def embed(self) -> Embed:
        """How notes are compared."""
        ...

    def reduce(self, failures: Sequence[Failure]) -> list[str]:
        """Return the text that is compared of every failure: its code."""
        ...

    def groups_wanted(self, most: int) -> int:
        """Return how many groups may be made where at most `most` modes are wanted."""
        ...

    def merge(self, grouped: Grouped, alone: bool) -> list[list[int]]:
        """Return the groups to name: those that one change would fix are made one.

        `alone` says that a note in no group may make a mode by itself.
        """
        ...

    def name(self, groups: Sequence[Sequence[str]], known: Sequence[Mode], most: int) -> Naming:
        """Make modes of the groups, given by their notes; one that gets no name is a group to review."""
        ...

    def assign(self, notes: Sequence[Note], modes: Sequence[Mode]) -> list[Decision]:
        """Assign every note to one of `modes`, or to none."""
        ...

    def confirm(self, grouped: Grouped, modes: Sequence[Mode]) -> list[Decision | None]:
        """Look at every note again, now that the modes made of the groups are among `modes`; None leaves it there."""
        ...


def expert_code(failure: Failure) -> str | None:
    """Return the code that the expert wrote, None where there is only a comment."""
    return failure.text if failure.text != " ".join(failure.comment.split()) else None


@dataclass(frozen=True)
class ModelAnalyst:
    """A model answers: one question per note for code and mode, so that each is cached by itself."""

    llm: LLM
    embed: Embed
    app: str
    by: str = "LLM"
    batch: int = 500

    def reduce(self, failures: Sequence[Failure]) -> list[str]:
        """See `Analyst`; where no code came back the comment stands for it."""
        codes = [expert_code(f) for f in failures]
        without = [f for f, code in zip(failures, codes, strict=True) if code is None]
        replies = iter(self.llm.ask([code_ask(f, self.app) for f in without]) if without else [])
        found: list[object] = [next(replies).parsed if code is None else code for code in codes]
        texts = [
            c.code if isinstance(c, Code) else c if isinstance(c, str) else f.comment
            for c, f in zip(found, failures, strict=True)
        ]
        return [first_point(" ".join(t.split())) for t in texts]

    def groups_wanted(self, most: int) -> int:
        """See `Analyst`; some more than modes, since the model says which of them have the same fix."""
        return max(most, MAX_GROUPS)

    def merge(self, grouped: Grouped, alone: bool) -> list[list[int]]:
        """See `Analyst`; notes in no group are named, too, where they are few. A failed call merges nothing."""
        inside = {i for g in grouped.groups for i in g}
        single = [[i] for i in range(len(grouped.notes)) if i not in inside] if alone else []
        groups = [*grouped.groups, *single] if len(grouped.groups) + len(single) <= MAX_GROUPS else grouped.groups
        pairs = _similar(groups, grouped.views)
        texts = [[grouped.notes[i].text for i in g] for g in groups]
        asks = [same_fix_ask(texts[a], texts[b], self.app) for a, b in pairs]
        replies = self.llm.ask(asks) if asks else []
        same = [p for p, r in zip(pairs, replies, strict=True) if isinstance(r.parsed, SameFix) and r.parsed.same_fix]
        return _joined(groups, same)

    def name(self, groups: Sequence[Sequence[str]], known: Sequence[Mode], most: int) -> Naming:
        """See `Analyst`; a reply of which something cannot be used is asked for once more, with what that is."""
        first = self._names(groups, known, most, ())
        if isinstance(first, str):
            problem = f"no usable names for {len(groups)} groups of failures: {first}"
            return Naming(tuple(to_review(groups, range(len(groups)))), (problem,))
        again = self._names(groups, known, most, first.problems) if first.problems else first
        return again if isinstance(again, Naming) and len(again.problems) < len(first.problems) else first

    def _names(
        self, groups: Sequence[Sequence[str]], known: Sequence[Mode], most: int, faults: Sequence[str]
    ) -> Naming | str:
        """Return what can be used of one reply, or why there is none."""
        reply = self.llm.ask([name_ask(groups, known, self.app, (most, faults))])[0]
        if not isinstance(reply.parsed, NamedModes):
            return str(reply.error)
        return use_names(reply.parsed.modes, groups, [m.name for m in known if m.members or m.status == "accepted"])

    def assign(self, notes: Sequence[Note], modes: Sequence[Mode]) -> list[Decision]:
        """See `Analyst`; two passes, the second with the modes in another order. The first counts."""
        offers = [(n, _offered(n, modes)) for n in notes]
        asks = [assign_ask(n, o, self.app, shuffled) for n, o in offers if o for shuffled in (False, True)]
        replies = iter(self.llm.ask(asks) if asks else [])
        return [
            _decision({m.mode_id for m in o}, next(replies), next(replies)) if o else Decision(None, 0)
            for n, o in offers
        ]

    def confirm(self, grouped: Grouped, modes: Sequence[Mode]) -> list[Decision | None]:
        """See `Analyst`; without an answer a note stays in its group, and one that alone made a mode in that mode.

        Where no group was named nothing is asked.
        """
        own = {f.trace_id for n in grouped.notes for f in n.failures}
        if not any(m.definition and any(x.trace_id in own for x in m.members) for m in modes):
            return [None for _ in grouped.notes]
        alone = {x.trace_id for m in modes if len({x.text for x in m.members}) == 1 for x in m.members}
        return [
            None if d.error or (d.mode_id is None and n.failures[0].trace_id in alone) else d
            for n, d in zip(grouped.notes, self.assign(grouped.notes, modes), strict=True)
        ]


@dataclass(frozen=True)
class WordAnalyst:
    """Counting answers: no model is asked."""

    embed: Embed
    _: KW_ONLY
    by: str = "CODE"
    batch: int = 2_000

    def reduce(self, failures: Sequence[Failure]) -> list[str]:
        """See `Analyst`; the code or comment itself."""
        return [first_point(f.text) for f in failures]

    def groups_wanted(self, most: int) -> int:
        """See `Analyst`."""
        return most

    def merge(self, grouped: Grouped, alone: bool) -> list[list[int]]:
        """See `Analyst`; words alone do not say that two groups have the same fix."""
        return grouped.groups

    def name(self, groups: Sequence[Sequence[str]], known: Sequence[Mode], most: int) -> Naming:
        """See `Analyst`; all groups are to review."""
        return Naming(tuple(to_review(groups, range(len(groups)))))

    def assign(self, notes: Sequence[Note], modes: Sequence[Mode]) -> list[Decision]:
        """See `Analyst`; by the failures that are in the modes (`classify.choose_modes`)."""
        moved = {f.trace_id for n in notes for f in n.failures}
        led = [_examples(m, moved) for m in modes]
        examples = [Example(text, m.mode_id) for m, (texts, _) in zip(modes, led, strict=True) for text in texts]
        if not examples:
            return [Decision(None, 0.0) for _ in notes]
        trust = {m.mode_id: confidence for m, (_, confidence) in zip(modes, led, strict=True)}
        fits_like = FITS_LIKE if min(trust.values()) == 1.0 else FITS_GROUP
        least = LEAST_LIKE_GROUP if any(m.is_group for m in modes) else 0.0
        chosen = choose_modes([n.text for n in notes], examples, self.embed, fits_like, least)
        return [Decision(c.mode_id if c.fits else None, c.confidence * trust[c.mode_id]) for c in chosen]

    def confirm(self, grouped: Grouped, modes: Sequence[Mode]) -> list[Decision | None]:
        """See `Analyst`; words have nothing to add to the groups that they made."""
        return [None for _ in grouped.notes]


def stay(grouped: Grouped, modes: Sequence[Mode]) -> list[Decision | None]:
    """Return the decisions that every note stays in its group; the second look is a resample."""
    home = {x.trace_id: m.mode_id for m in modes for x in m.members}
    mode_of = [home.get(n.failures[0].trace_id) for n in grouped.notes]
    inside = {i for g in grouped.groups for i in g}
    return [_stayed(grouped.found, i, mode_of) if i in inside else None for i in range(len(grouped.notes))]


def _stayed(found: Grouping, i: int, mode_of: Sequence[str | None]) -> Decision:
    """Return the decision to leave note `i` in its group, with what a resample says of it."""
    again = found.again[i]
    second = mode_of[again] if again is not None and again >= 0 else None
    return Decision(mode_of[i], float(found.confidence[i]), "", second, again is not None)


def _examples(mode: Mode, moved: AbstractSet[str]) -> tuple[list[str], float]:
    """Return the texts that a mode is known by, and how far they are to be trusted.

    They are the expert's own examples where there are any, else those that code or a model put there, else its name.
    """
    members = [x for x in mode.members if x.trace_id not in moved]
    led = [x for x in members if x.assigned_by == "HUMAN"] or members
    trust = float(np.mean([x.confidence for x in led])) if led else 1.0
    return [first_point(x.text) for x in led] or [mode.name], trust


def _offered(note: Note, modes: Sequence[Mode]) -> list[Mode]:
    """Return the modes but the one that was made of the note alone: that it fits itself says nothing."""
    own = {f.trace_id for f in note.failures}
    return [m for m in modes if not m.members or not {x.trace_id for x in m.members} <= own]


def _decision(offered: set[str], first: Reply, second: Reply) -> Decision:
    if not isinstance(first.parsed, Assignment):
        return Decision(None, 0.0, error=f"the taxonomy model gave no answer: {first.error}")
    mode = first.parsed.mode_id if first.parsed.mode_id in offered else None
    checked = second.parsed if isinstance(second.parsed, Assignment) else None
    again = checked.mode_id if checked and checked.mode_id in offered else None
    confidence = first.parsed.confidence * (SINGLE_PASS if checked and again != mode else 1.0)
    return Decision(mode, confidence, first.parsed.quote.strip() if mode else "", again, checked is not None)


def _similar(groups: Sequence[Sequence[int]], views: Views) -> list[tuple[int, int]]:
    """Return the pairs of groups with similar centroids, the most similar first."""
    middles = centroids(groups, views.plain)
    pairs = [(float(middles[a] @ middles[b]), a, b) for a, b in combinations(range(len(middles)), 2)]
    return [(a, b) for s, a, b in sorted(pairs, key=lambda p: (-p[0], p[1], p[2])) if s >= SIMILAR][:MAX_PAIRS]


def _joined(groups: Sequence[list[int]], same: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the groups with those of every pair made one, also over a third."""
    root = list(range(len(groups)))
    for a, b in same:
        old, new = root[b], root[a]
        root = [new if r == old else r for r in root]
    return sorted(
        ([i for g, r in zip(groups, root, strict=True) if r == k for i in g] for k in sorted(set(root))),
        key=lambda g: (-len(g), g[0]),
    )
