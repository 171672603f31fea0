"""Who answers the questions of axial coding: a model, or counting words. The pipeline is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np
from pydantic import BaseModel

from flywheel_pipeline.errors import ModelError
from flywheel_pipeline.ports import LLM, Embed
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
from flywheel_pipeline.steps.cluster.classify import Example, choose_modes
from flywheel_pipeline.steps.cluster.features import Floats
from flywheel_pipeline.steps.cluster.group import centroids, group_texts, merge_nearest
from flywheel_pipeline.steps.cluster.modes import Failure, Mode
from flywheel_pipeline.steps.cluster.naming import name_groups
from flywheel_pipeline.steps.cluster.preprocess import Note

ALIKE = 0.3
"""Cosine of two groups' centroids from which a model is asked whether one change would fix both."""

MAX_PAIRS = 20

SHARPNESS = 0.1
"""Difference of two cosines at which one mode is e times as probable as the other."""


@dataclass(frozen=True)
class Grouped:
    """Groups of one batch of failures, as numbers of them, the most central first.

    `notes` are what was compared; views and likeness are those of `lens.see`.
    """

    failures: Sequence[Failure]
    notes: Sequence[Note]
    groups: list[list[int]]
    views: Floats
    likeness: Floats

    def texts(self) -> list[list[str]]:
        """Return the notes of every group."""
        return [[self.notes[i].whole for i in g] for g in self.groups]


@dataclass(frozen=True)
class Proposed:
    """A proposed mode: the numbers of the groups it is made of, and what it is called."""

    groups: tuple[int, ...]
    name: str
    definition: str
    inclusion: str = ""
    exclusion: str = ""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """Where a failure belongs: `mode_id` None is unassigned; `again` is what the second pass said, if there was one."""

    mode_id: str | None
    confidence: float
    quote: str = ""
    again: str | None = None
    checked: bool = False


class Analyst(Protocol):
    """The answers that the pipeline needs; a failed call is a None in its place."""

    @property
    def by(self) -> str:
        """What stands in `assigned_by`."""
        ...

    @property
    def batch(self) -> int:
        """Failures that are grouped at a time; the next batch meets the modes of those before it."""
        ...

    @property
    def embed(self) -> Embed:
        """How notes are compared."""
        ...

    def reduce(self, failures: Sequence[Failure]) -> list[Note]:
        """Return what is compared of every failure: its code."""
        ...

    def merge(self, grouped: Grouped, most: int) -> list[list[int]]:
        """Return the groups with those made one that one change would fix; about `most` are wanted."""
        ...

    def name(self, grouped: Grouped, known: Sequence[Mode], most: int) -> list[Proposed]:
        """Name the groups.

        Raises:
            ModelError: there are no usable names.
        """
        ...

    def assign(
        self, failures: Sequence[Failure], notes: Sequence[Note], modes: Sequence[Mode], sure: bool
    ) -> list[Decision | None]:
        """Assign every failure to one of `modes`; `sure` says that they were just made of a sample of such failures."""
        ...

    def confirm(self, grouped: Grouped, modes: Sequence[Mode]) -> list[Decision | None]:
        """Look at every failure of the groups again, now that the modes made of them have names."""
        ...


def expert_code(failure: Failure) -> str | None:
    """Return the code that the expert wrote, None where there is only a comment."""
    return failure.text if failure.text != " ".join(failure.comment.split()) else None


@dataclass(frozen=True)
class ModelAnalyst:
    """A model answers: one question a failure for code and mode, so that each is cached by itself."""

    llm: LLM
    embed: Embed
    app: str
    by: str = "LLM"
    batch: int = 500

    def reduce(self, failures: Sequence[Failure]) -> list[Note]:
        """See `Analyst`; where no code came back the comment stands for it."""
        codes = [expert_code(f) for f in failures]
        without = [f for f, code in zip(failures, codes, strict=True) if code is None]
        replies = iter(self.llm.ask([code_ask(f, self.app) for f in without]) if without else [])
        found: list[object] = [next(replies).parsed if code is None else code for code in codes]
        texts = [
            c.code if isinstance(c, Code) else c if isinstance(c, str) else f.comment
            for c, f in zip(found, failures, strict=True)
        ]
        return [Note.of(" ".join(t.split())) for t in texts]

    def merge(self, grouped: Grouped, most: int) -> list[list[int]]:
        """See `Analyst`; the pairs most alike are asked about, a failed call merges nothing."""
        pairs = _alike(grouped)
        texts = grouped.texts()
        asks = [same_fix_ask(texts[a], texts[b], self.app) for a, b in pairs]
        replies = self.llm.ask(asks) if asks else []
        same = [p for p, r in zip(pairs, replies, strict=True) if isinstance(r.parsed, SameFix) and r.parsed.same_fix]
        return _joined(grouped.groups, same)

    def name(self, grouped: Grouped, known: Sequence[Mode], most: int) -> list[Proposed]:
        """See `Analyst`; a group that the model left out is named after its most central code."""
        reply = self.llm.ask([name_ask(grouped.texts(), known, self.app, most)])[0]
        if not isinstance(reply.parsed, NamedModes):
            raise ModelError(
                f"the taxonomy model gave no usable names for {len(grouped.groups)} groups of failures: {reply.error}"
            )
        left = {f"c{i}": i - 1 for i in range(1, len(grouped.groups) + 1)}
        proposed = []
        for m in reply.parsed.modes:
            own = tuple(left.pop(c) for c in dict.fromkeys(m.cluster_ids) if c in left)
            said = {grouped.notes[i].whole for g in own for i in grouped.groups[g]}
            shown = tuple(e for e in m.examples if e in said)
            proposed.append(Proposed(own, m.name, m.definition, m.inclusion, m.exclusion, shown))
        unnamed = [(i, grouped.notes[grouped.groups[i][0]].whole) for i in left.values()]
        return [p for p in proposed if p.groups] + [Proposed((i,), c, f"Failures like: {c}") for i, c in unnamed]

    def assign(
        self, failures: Sequence[Failure], notes: Sequence[Note], modes: Sequence[Mode], sure: bool
    ) -> list[Decision | None]:
        """See `Analyst`; two passes, the second with the modes in another order. The first counts."""
        offers = [(f, _offered(f, modes)) for f in failures]
        asks = [assign_ask(f, o, self.app, shuffled) for f, o in offers if o for shuffled in (False, True)]
        replies = iter(self.llm.ask(asks) if asks else [])
        return [
            _decision(f, {m.mode_id for m in o}, next(replies).parsed, next(replies).parsed) if o else Decision(None, 0)
            for f, o in offers
        ]

    def confirm(self, grouped: Grouped, modes: Sequence[Mode]) -> list[Decision | None]:
        """See `Analyst`; a failure that alone made a mode stays in it where no other fits."""
        alone = {m.members[0].trace_id for m in modes if len(m.members) == 1}
        decisions = self.assign(grouped.failures, grouped.notes, modes, True)
        return [
            None if d is not None and d.mode_id is None and f.trace_id in alone else d
            for f, d in zip(grouped.failures, decisions, strict=True)
        ]


@dataclass(frozen=True)
class WordAnalyst:
    """Counting answers: no model is asked. `traces` are {trace_id: text}, to mask the subject of a comment."""

    embed: Embed
    traces: Mapping[str, str]
    by: str = "CODE"
    batch: int = 2_000

    def reduce(self, failures: Sequence[Failure]) -> list[Note]:
        """See `Analyst`; a comment is compared without the words of its trace."""
        return [self._note(f.trace_id, f.text) for f in failures]

    def _note(self, trace_id: str, text: str) -> Note:
        return Note.of(text, self.traces.get(trace_id, ""))

    def merge(self, grouped: Grouped, most: int) -> list[list[int]]:
        """See `Analyst`; the groups most alike are made one until there are `most`."""
        return merge_nearest(grouped.groups, grouped.views, most)

    def name(self, grouped: Grouped, known: Sequence[Mode], most: int) -> list[Proposed]:
        """See `Analyst`."""
        likeness = centroids(grouped.groups, grouped.views)
        near = likeness @ likeness.T - 2 * np.eye(len(likeness))
        named = name_groups(
            [[grouped.failures[i].text for i in g] for g in grouped.groups],
            [grouped.likeness[g].mean(axis=0) for g in grouped.groups],
            [int(row.argmax()) for row in near],
        )
        return [Proposed((i,), n.name, n.definition, n.inclusion, n.exclusion) for i, n in enumerate(named)]

    def assign(
        self, failures: Sequence[Failure], notes: Sequence[Note], modes: Sequence[Mode], sure: bool
    ) -> list[Decision | None]:
        """See `Analyst`; by the failures that are in the modes (`learn.choose_modes`)."""
        moved = {f.trace_id for f in failures}
        examples = [Example(note, m.mode_id) for m in modes for note in self._examples(m, moved)]
        if not examples:
            return [Decision(None, 0.0) for _ in failures]
        chosen = choose_modes(notes, examples, self.embed)
        return [Decision(c.mode_id if c.fits or sure else None, c.confidence) for c in chosen]

    def _examples(self, mode: Mode, moved: AbstractSet[str]) -> list[Note]:
        """Return the expert's own examples where there are any, else those that code put there, else the name."""
        members = [x for x in mode.members if x.trace_id not in moved]
        led = [x for x in members if x.assigned_by == "HUMAN"] or members
        return [self._note(x.trace_id, x.text) for x in led] or [Note.of(mode.name)]

    def confirm(self, grouped: Grouped, modes: Sequence[Mode]) -> list[Decision | None]:
        """See `Analyst`; the second look groups anew from another start, to see what stays together."""
        from scipy.optimize import linear_sum_assignment
        from scipy.special import softmax

        home = {x.trace_id: m.mode_id for m in modes for x in m.members}
        own = [home[f.trace_id] for f in grouped.failures]
        again = group_texts(grouped.views, max(2, len(set(own))), seed=1)
        ids = list(dict.fromkeys(own))
        counts = np.array([[sum(own[i] == mode for i in g) for mode in ids] for g in again])
        said = {i: ids[c] for r, c in zip(*linear_sum_assignment(counts, maximize=True), strict=True) for i in again[r]}
        near = grouped.views @ centroids([[i for i, o in enumerate(own) if o == mode] for mode in ids], grouped.views).T
        return [
            Decision(mode, round(float(softmax(near[i] / SHARPNESS)[ids.index(mode)]), 3), "", said.get(i), True)
            for i, mode in enumerate(own)
        ]


def _offered(failure: Failure, modes: Sequence[Mode]) -> list[Mode]:
    """Return the modes but the one that was made of the failure alone: that it fits itself says nothing."""
    return [m for m in modes if {x.trace_id for x in m.members} != {failure.trace_id}]


def _decision(
    failure: Failure, offered: set[str], first: BaseModel | None, second: BaseModel | None
) -> Decision | None:
    if not isinstance(first, Assignment):
        return None
    mode = first.mode_id if first.mode_id in offered else None
    quote = first.quote.strip()
    genuine = bool(quote) and any(
        " ".join(quote.split()) in " ".join(t.split()) for t in (failure.text, failure.comment)
    )
    checked = second if isinstance(second, Assignment) else None
    again = checked.mode_id if checked and checked.mode_id in offered else None
    return Decision(mode, first.confidence, quote if genuine and mode else "", again, checked is not None)


def _alike(grouped: Grouped) -> list[tuple[int, int]]:
    """Return the pairs of groups whose centroids are alike, the most alike first."""
    middles = centroids(grouped.groups, grouped.views)
    pairs = [(float(middles[a] @ middles[b]), a, b) for a, b in combinations(range(len(middles)), 2)]
    return [(a, b) for s, a, b in sorted(pairs, key=lambda p: (-p[0], p[1], p[2])) if s >= ALIKE][:MAX_PAIRS]


def _joined(groups: list[list[int]], same: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the groups with those of every pair made one, also over a third."""
    root = list(range(len(groups)))
    for a, b in same:
        old, new = root[b], root[a]
        root = [new if r == old else r for r in root]
    return sorted(
        ([i for g, r in zip(groups, root, strict=True) if r == k for i in g] for k in sorted(set(root))),
        key=lambda g: (-len(g), g[0]),
    )
