"""The two questions of the cluster step, and their replies."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, Field

from flywheel_pipeline.ports import Ask
from flywheel_pipeline.prompting import ask_about, load_prompt
from flywheel_pipeline.steps.cluster.modes import Failure, Mode

ROLE = "taxonomy"
SHOWN = 12
"""Notes of one cluster that a model is shown, the most central first."""


class NamedMode(BaseModel):
    """A mode as a model proposes it."""

    cluster_ids: list[str] = Field(min_length=1)
    name: str = Field(min_length=1)
    definition: str = Field(min_length=1)


class NamedModes(BaseModel):
    """The reply to `name_ask`."""

    modes: list[NamedMode] = Field(min_length=1)


class Assignment(BaseModel):
    """The reply to `assign_ask`."""

    mode_id: str
    confidence: float = Field(ge=0, le=1)
    quote: str = ""


def name_ask(clusters: Sequence[Sequence[Failure]], app: str, max_modes: int) -> Ask:
    """Ask for names of all clusters at once, so that the names contrast; ids are c1, c2, …"""
    data = {"clusters": [{"cluster_id": f"c{i}", "notes": _notes(c)} for i, c in enumerate(clusters, 1)]}
    instructions = load_prompt(__package__, "name_modes").format(app=app, max_modes=max_modes)
    return ask_about(ROLE, instructions, data, NamedModes)


def assign_ask(failure: Failure, modes: Sequence[Mode], app: str) -> Ask:
    """Ask which of `modes` one failure belongs to."""
    known = [
        {"mode_id": m.mode_id, "name": m.name, "definition": m.definition, "examples": m.examples()} for m in modes
    ]
    data = {"modes": known, "failure": {"note": failure.text, "comment": failure.comment}}
    return ask_about(ROLE, load_prompt(__package__, "assign_failure").format(app=app), data, Assignment)


def _notes(cluster: Sequence[Failure]) -> list[str]:
    return list(dict.fromkeys(f.text for f in cluster))[:SHOWN]
