"""Name groups that no model has named: by the expert's own words, those of most failures."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten

from flywheel_pipeline.steps.cluster.modes import MAX_NAME
from flywheel_pipeline.steps.cluster.preprocess import first_point


def as_name(text: str) -> str:
    """Return a comment as the name of a mode: its first point, at most `MAX_NAME` characters, cut between words."""
    point = " ".join(first_point(text).split()).strip(" .,;:-") or "No words"
    name = shorten(point, MAX_NAME, placeholder=" …") if " " in point[:MAX_NAME] else point[:MAX_NAME]
    return name[:1].upper() + name[1:]


def name_groups(groups: Sequence[Sequence[str]]) -> list[str]:
    """Return a name for each group of notes, of which the first is that of most failures; no two names are equal."""
    names: list[str] = []
    for notes in groups:
        own = [n for n in (as_name(note) for note in notes) if n not in names]
        names.append(own[0] if own else f"{as_name(notes[0])[: MAX_NAME - 5]} ({len(names) + 1})")
    return names
