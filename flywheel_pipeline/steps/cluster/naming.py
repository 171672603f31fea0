"""Name groups: by a model, as far as its names can be used, else by the expert's own words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from textwrap import shorten

from flywheel_pipeline.names import clean_name
from flywheel_pipeline.steps.cluster.ask import NamedMode
from flywheel_pipeline.steps.cluster.modes import MAX_NAME
from flywheel_pipeline.steps.cluster.preprocess import first_point, same_words

MAX_WORDS = 8
"""Words of a model's name, as on the labelling page; it is asked for at most six."""

MAX_TEXT = 1_000
"""Characters of a definition, of what belongs, and of what does not."""


@dataclass(frozen=True)
class ProposedMode:
    """A mode made of groups: their numbers, and what it is called and means; without a definition it is to review."""

    groups: tuple[int, ...]
    name: str
    definition: str = ""
    belongs: str = ""
    does_not_belong: str = ""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Naming:
    """The modes made of groups, each group in one of them, and what a model's reply lacked."""

    modes: tuple[ProposedMode, ...]
    problems: tuple[str, ...] = ()


def as_name(text: str) -> str:
    """Return a comment as the name of a mode: its first point, at most `MAX_NAME` characters, cut between words."""
    point = clean_name(first_point(text)).strip(" .,;:-") or "No words"
    name = shorten(point, MAX_NAME, placeholder=" …") if " " in point[:MAX_NAME] else point[:MAX_NAME]
    return name[:1].upper() + name[1:]


def name_groups(groups: Sequence[Sequence[str]]) -> list[str]:
    """Return a name for each group of notes, of which the first is that of most failures; no two names are equal."""
    names: list[str] = []
    for notes in groups:
        own = [n for n in (as_name(note) for note in notes) if n not in names]
        names.append(own[0] if own else f"{as_name(notes[0])[: MAX_NAME - 5]} ({len(names) + 1})")
    return names


def use_names(replied: Sequence[NamedMode], groups: Sequence[Sequence[str]], known: Collection[str]) -> Naming:
    """Return the modes that a model made of `groups` (their notes; the model calls them c1, c2, …).

    A group belongs to the first mode that lists it. One whose name or definition cannot be used, or that is in no
    mode, becomes a group to review, named by its own words. `known` holds the names that are taken.
    """
    left = {f"c{i}": i - 1 for i in range(1, len(groups) + 1)}
    taken = {n.casefold() for n in known}
    modes: list[ProposedMode] = []
    refused: list[int] = []
    problems: list[str] = []
    for mode in replied:
        listed = list(dict.fromkeys(mode.cluster_ids))
        own = tuple(left.pop(c) for c in listed if c in left)
        name = clean_name(mode.name)
        if len(own) < len(listed):
            problems.append(f"{name!r:.90} lists a cluster that is in another mode or does not exist")
        fault = _fault(name, " ".join(mode.definition.split()), mode, taken)
        if fault:
            problems.append(f"{name!r:.90} {fault}")
            refused += own
        elif own:
            taken.add(name.casefold())
            modes.append(_proposed(own, name, mode, {n for g in own for n in groups[g]}))
    if left:
        problems.append(f"{len(left)} of {len(groups)} clusters are in no mode: {', '.join(left)}")
    return Naming((*modes, *to_review(groups, sorted((*refused, *left.values())))), tuple(problems))


def to_review(groups: Sequence[Sequence[str]], numbers: Sequence[int]) -> list[ProposedMode]:
    """Return the groups of these numbers as groups to review, named by their own words."""
    names = name_groups([groups[i] for i in numbers])
    return [ProposedMode((i,), name) for i, name in zip(numbers, names, strict=True)]


def _fault(name: str, definition: str, mode: NamedMode, taken: Collection[str]) -> str:
    """Return why a name or definition cannot be used, "" if it can.

    Whether a name says what went wrong or only names a topic is for a person to see.
    """
    n_words = len(name.split())
    if n_words > MAX_WORDS or len(name) > MAX_NAME:
        return f"is too long for a name: {n_words} words, at most six are asked for"
    if not name:
        return "is no name"
    if name.casefold() in taken:
        return "is the name of another mode"
    if not definition or same_words(definition) == same_words(name):
        return "has no definition but its name"
    longest = max(len(t) for t in (mode.definition, mode.belongs, mode.does_not_belong))
    return f"has a definition of {longest:,} characters, at most {MAX_TEXT:,}" if longest > MAX_TEXT else ""


def _proposed(own: tuple[int, ...], name: str, mode: NamedMode, notes: Collection[str]) -> ProposedMode:
    definition, belongs, does_not = (" ".join(t.split()) for t in (mode.definition, mode.belongs, mode.does_not_belong))
    return ProposedMode(own, name, definition, belongs, does_not, tuple(e for e in mode.examples if e in notes))
