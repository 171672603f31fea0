"""Build the taxonomy: what is known stays, new failures are assigned, what fits nowhere makes new modes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flywheel_pipeline.errors import ModelError
from flywheel_pipeline.ports import LLM, Embed
from flywheel_pipeline.steps.cluster.ask import Assignment, NamedMode, NamedModes, assign_ask, name_ask
from flywheel_pipeline.steps.cluster.group import group_texts
from flywheel_pipeline.steps.cluster.modes import Failure, Member, Mode, mint_mode
from flywheel_pipeline.steps.cluster.wording import comparable


@dataclass(frozen=True)
class Taxonomy:
    """All modes with all their members, and what changed: the names of the modes that are new."""

    modes: tuple[Mode, ...]
    added: tuple[str, ...]


def build_taxonomy(
    failures: Sequence[Failure], known: Sequence[Mode], llm: LLM, embed: Embed, app: str, max_modes: int
) -> Taxonomy:
    """Put every failure into exactly one mode; modes are only ever added.

    A failure that is a member already, with the same text, stays where it is (so that a person's moves
    last and a re-run asks nothing). One that the expert gave a category goes to the mode of that name.
    The others are assigned to a known mode by the model; those that fit none are grouped by likeness and
    each group becomes a mode that the model names. Where a call failed the failure stays unassigned for now.

    Raises:
        ModelError: the model gave no usable name for the groups.
    """
    modes = _with_categories(failures, list(known))
    placed = {(m.trace_id, m.text) for mode in modes for m in mode.members}
    fresh = [f for f in failures if (f.trace_id, f.text) not in placed]
    modes, before = _without({f.trace_id for f in fresh}, modes), {m.mode_id for m in known}
    modes, rest = _assign(fresh, modes, llm, app)
    if rest:
        clusters = _clusters(rest, embed, max(2, max_modes - len(modes)))
        modes = _merged([*modes, *_name(clusters, llm, app, max(2, max_modes - len(modes)))])
        # The second look, with names: a group is only a first guess, and remains where the model has none better.
        modes, _ = _assign([f for cluster in clusters for f in cluster], modes, llm, app)
        modes = [m for m in modes if m.members or m.mode_id in before]
    return Taxonomy(tuple(modes), tuple(m.name for m in modes if m.mode_id not in before))


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


def _merged(modes: Sequence[Mode]) -> list[Mode]:
    """Return the modes with those of equal id made one: what it is made of decides what a mode is."""
    by_id: dict[str, Mode] = {}
    for m in modes:
        same = by_id.get(m.mode_id)
        by_id[m.mode_id] = replace(same, members=(*same.members, *m.members)) if same else m
    return list(by_id.values())


def _assign(failures: Sequence[Failure], modes: list[Mode], llm: LLM, app: str) -> tuple[list[Mode], list[Failure]]:
    """Return the modes with the failures that fit one, and the failures that fit none.

    A mode that was made of the failure alone is not offered for it: that it fits itself says nothing.
    """
    offers = [(f, [m for m in modes if {x.trace_id for x in m.members} != {f.trace_id}]) for f in failures]
    asked = [(f, offered) for f, offered in offers if offered]
    members: dict[str, list[Member]] = {m.mode_id: [] for m in modes}
    rest = [f for f, offered in offers if not offered]
    replies = llm.ask([assign_ask(f, offered, app) for f, offered in asked])
    for (failure, _), reply in zip(asked, replies, strict=True):
        found = reply.parsed
        if not isinstance(found, Assignment):
            continue  # no answer is no verdict: the failure stays as it is, and the next run asks again
        if found.mode_id in members:
            members[found.mode_id].append(Member(failure.trace_id, failure.text, "LLM", round(found.confidence, 3)))
        else:
            rest.append(failure)
    moved = {m.trace_id for new in members.values() for m in new}
    return [replace(m, members=(*m.members, *members[m.mode_id])) for m in _without(moved, modes)], rest


def _clusters(failures: Sequence[Failure], embed: Embed, max_modes: int) -> list[list[Failure]]:
    """Group the failures by the likeness of what was noted about them."""
    groups = group_texts(embed.embed([comparable(f.text) for f in failures]), max_modes)
    return [[failures[i] for i in g] for g in groups]


def _name(clusters: Sequence[Sequence[Failure]], llm: LLM, app: str, max_modes: int) -> list[Mode]:
    reply = llm.ask([name_ask(clusters, app, max_modes)])[0]
    if not isinstance(reply.parsed, NamedModes):
        raise ModelError(
            f"the taxonomy model gave no usable names for {len(clusters)} groups of failures: {reply.error}"
        )
    taken: set[str] = set()
    modes = [_mode_of(named, clusters, taken) for named in reply.parsed.modes]
    left = [i for i in range(1, len(clusters) + 1) if f"c{i}" not in taken]
    modes += [_mode_of(_unnamed(i, clusters), clusters, taken) for i in left]
    return [m for m in modes if m.members]


def _mode_of(named: NamedMode, clusters: Sequence[Sequence[Failure]], taken: set[str]) -> Mode:
    """Return the mode of the named clusters that no earlier mode took; a cluster belongs to one mode."""
    ids = [c for c in dict.fromkeys(named.cluster_ids) if c not in taken]
    taken |= set(ids)
    own = [f for i, cluster in enumerate(clusters, 1) if f"c{i}" in ids for f in cluster]
    members = tuple(Member(f.trace_id, f.text, "CODE", 0.5) for f in own)
    return replace(mint_mode(named.name, named.definition, [f.trace_id for f in own]), members=members)


def _unnamed(index: int, clusters: Sequence[Sequence[Failure]]) -> NamedMode:
    note = clusters[index - 1][0].text
    return NamedMode(cluster_ids=[f"c{index}"], name=note, definition=f"Failures like: {note}")
