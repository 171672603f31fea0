"""The same words are the same failure: which mode a text has a place in already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from flywheel_pipeline.steps.cluster.modes import Member, Mode
from flywheel_pipeline.steps.cluster.preprocess import same_words


def places_of_words(modes: Sequence[Mode]) -> Mapping[str, tuple[str, float]]:
    """Return {key of the words: (the mode that failures in these words belong to, confidence)}.

    A person's decisions come first, then the mode that is called so, then where most of the failures are. Where
    people put the same words into several modes the most frequent of them counts; the confidence is its share.
    """
    by_person, by_pipeline = _members(modes, people=True), _members(modes, people=False)
    named = {same_words(m.name): (m.mode_id, 1.0) for m in sorted(modes, key=lambda m: m.mode_id, reverse=True)}
    return {**_places(by_pipeline), **named, **_places(by_person)}


def _members(modes: Sequence[Mode], people: bool) -> dict[str, list[tuple[str, Member]]]:
    found: dict[str, list[tuple[str, Member]]] = {}
    for mode in modes:
        for member in mode.members:
            if (member.assigned_by == "HUMAN") == people:
                found.setdefault(same_words(member.text), []).append((mode.mode_id, member))
    return found


def _places(members: Mapping[str, Sequence[tuple[str, Member]]]) -> dict[str, tuple[str, float]]:
    places = {}
    for key, own in members.items():
        counts = Counter(mode_id for mode_id, _ in own)
        mode_id = min(counts, key=lambda i: (-counts[i], i))
        sure = sum(m.confidence for i, m in own if i == mode_id)
        places[key] = (mode_id, sure / len(own))
    return {k: p for k, p in places.items() if k}
