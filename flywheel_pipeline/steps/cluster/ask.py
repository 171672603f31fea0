"""The questions of the cluster step to a model, and their replies."""

from __future__ import annotations

import random
from collections.abc import Sequence

from pydantic import BaseModel, Field

from flywheel_pipeline.ports import Ask
from flywheel_pipeline.prompting import ask_about, load_prompt
from flywheel_pipeline.steps.cluster.modes import Failure, Mode
from flywheel_pipeline.steps.cluster.preprocess import Note

ROLE = "taxonomy"
SHOWN = 12
"""Notes of one cluster that a model is shown: the most frequent, then the most central."""

MEDOIDS = 3
EXAMPLES = 6


class Code(BaseModel):
    """The reply to `code_ask`."""

    code: str = Field(min_length=1, max_length=200)


class SameFix(BaseModel):
    """The reply to `same_fix_ask`."""

    same_fix: bool
    reason: str = ""


class NamedMode(BaseModel):
    """A mode as a model proposes it."""

    cluster_ids: list[str] = Field(min_length=1)
    name: str = Field(min_length=1)
    definition: str = Field(min_length=1)
    belongs: str = ""
    does_not_belong: str = ""
    examples: list[str] = []


class NamedModes(BaseModel):
    """The reply to `name_ask`."""

    modes: list[NamedMode] = Field(min_length=1)


class Assignment(BaseModel):
    """The reply to `assign_ask`; a `mode_id` that was not offered means that no mode fits."""

    mode_id: str
    confidence: float = Field(ge=0, le=1)
    quote: str = ""


def code_ask(failure: Failure, app: str) -> Ask:
    """Ask to reduce a comment to a code of at most eight words."""
    return ask_about(ROLE, load_prompt(__package__, "code_failure").format(app=app), {"comment": failure.comment}, Code)


def same_fix_ask(one: Sequence[str], other: Sequence[str], app: str) -> Ask:
    """Ask whether one change would fix both groups, each shown by its most central codes."""
    data = {"one": _notes(one, MEDOIDS), "other": _notes(other, MEDOIDS)}
    return ask_about(ROLE, load_prompt(__package__, "same_fix").format(app=app), data, SameFix)


def name_ask(
    clusters: Sequence[Sequence[str]], known: Sequence[Mode], app: str, wanted: tuple[int, Sequence[str]]
) -> Ask:
    """Ask for names of all clusters of codes at once, so that the names contrast; ids are c1, c2, …

    `wanted` is how many modes there should be at most, and what was wrong with an earlier reply, if there was one.
    """
    max_modes, faults = wanted
    data = {
        "clusters": [{"cluster_id": f"c{i}", "notes": _notes(c, SHOWN)} for i, c in enumerate(clusters, 1)],
        "known_modes": [{"name": m.name, "definition": m.meaning} for m in known],
        **({"faults": list(faults)} if faults else {}),
    }
    instructions = load_prompt(__package__, "name_modes").format(app=app, max_modes=max_modes)
    return ask_about(ROLE, instructions, data, NamedModes)


def assign_ask(note: Note, modes: Sequence[Mode], app: str, shuffled: bool = False) -> Ask:
    """Ask which of `modes` a note belongs to, by the first of its failures.

    `shuffled` shows the modes in another order, which the failure's text decides.
    """
    order, failure = list(modes), note.failures[0]
    if shuffled:
        random.Random(failure.text).shuffle(order)
    data = {"modes": [_mode_data(m) for m in order], "failure": {"note": failure.text, "comment": failure.comment}}
    return ask_about(ROLE, load_prompt(__package__, "assign_failure").format(app=app), data, Assignment)


def _mode_data(mode: Mode) -> dict[str, object]:
    """Return a mode as the model sees it: with the first examples only, so that new members change no question."""
    by_expert = [m.text for m in mode.members if m.assigned_by == "HUMAN"]
    others = [m.text for m in mode.members if m.assigned_by != "HUMAN"]
    return {
        "mode_id": mode.mode_id, "name": mode.name, "definition": mode.definition, "belongs": mode.belongs,
        "does_not_belong": mode.does_not_belong, "expert_examples": _notes(by_expert, EXAMPLES),
        "examples": _notes(others, EXAMPLES),
    }  # fmt: skip


def _notes(texts: Sequence[str], n: int) -> list[str]:
    return list(dict.fromkeys(texts))[:n]
