"""The prompts of a home at a glance: labels, versions with their evidence, and every move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flywheel_pipeline.adapters.registry import PRODUCTION, Move
from flywheel_pipeline.flows.deploy.health import read_health
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import ProductionHealth, PromptCandidate, PromptVersion


@dataclass(frozen=True)
class VersionOverview:
    """A version, the labels on it, and what the gate decided on it, if it did."""

    prompt: PromptVersion
    labels: tuple[str, ...]
    decision: str
    reason: str

    @property
    def may_ship(self) -> bool:
        """Whether the gate lets it ship."""
        return self.decision == "ship"


@dataclass(frozen=True)
class Overview:
    """All of it; `seen` is the state of the labels, which a move must name, and `previous` the production prompt before
    the present one."""

    versions: Sequence[VersionOverview]
    now: dict[str, Move]
    moves: Sequence[Move]
    seen: str
    previous: str | None = None
    health: Sequence[ProductionHealth] = ()
    """Production under the present prompt beside the one before, by failure mode, as of the last run."""


def look_at_prompts(bench: Workbench) -> Overview:
    """Return the prompts of a home: versions with labels first, then the newest candidates, then the others."""
    labels = bench.registry.labels()
    now = labels.now()
    decided = {c.candidate_id: c for c in bench.lake.read("prompt_candidate", PromptCandidate)}
    found = []
    for prompt in bench.registry.versions():
        candidate = decided.get(prompt.version)
        on = tuple(label for label, move in now.items() if move.version == prompt.version)
        decision = (candidate.decision or candidate.status) if candidate else ""
        found.append(VersionOverview(prompt, on, decision, candidate.reason if candidate else prompt.note))
    last = {m.version: i for i, m in enumerate(labels.moves)}
    found.sort(key=lambda v: (not v.labels, not v.decision, -last.get(v.prompt.version, -1), v.prompt.version))
    before = labels.history(PRODUCTION)[:-1]
    previous = before[-1] if before else None
    return Overview(found, now, labels.moves, labels.seen, previous, read_health(bench))
