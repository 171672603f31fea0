"""The prompts of a home at a glance: labels, versions with their evidence, and every move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flywheel_pipeline.adapters.registry import PRODUCTION, Move
from flywheel_pipeline.flows.deploy.health import read_health
from flywheel_pipeline.flows.deploy.publish import Publication, last_publications
from flywheel_pipeline.flows.prompt_search import Lineage, read_lineage
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import FlywheelTurn, ProductionHealth, PromptCandidate, PromptVersion


@dataclass(frozen=True)
class VersionOverview:
    """A version, the labels on it, what the gate decided on it last, if it did, and whether it may ship now."""

    prompt: PromptVersion
    labels: tuple[str, ...]
    decision: str
    reason: str
    may_ship: bool


@dataclass(frozen=True)
class Overview:
    """All of it; `seen` is the state of the labels, which a move must name, and `previous` the production prompt before
    the present one. `publications` are the last attempts to publish it."""

    versions: Sequence[VersionOverview]
    now: dict[str, Move]
    moves: Sequence[Move]
    seen: str
    previous: str | None = None
    health: Sequence[ProductionHealth] = ()
    """Production under the present prompt beside the one before, by failure mode, as of the last run."""
    lineage: Lineage | None = None
    """The prompts that the last search considered."""
    publications: Sequence[Publication] = ()
    turns: Sequence[FlywheelTurn] = ()


def look_at_prompts(bench: Workbench) -> Overview:
    """Return the prompts of a home: versions with labels first, then the newest candidates, then the others."""
    labels = bench.registry.labels()
    now = labels.now()
    turns = bench.lake.read("flywheel_turns", FlywheelTurn)
    earlier = {t.candidate_id: (t.decision, t.reason) for t in turns}
    candidates = {c.candidate_id: c for c in bench.lake.read("prompt_candidate", PromptCandidate)}
    found = []
    for prompt in bench.registry.versions():
        candidate = candidates.get(prompt.version)
        on = tuple(label for label, move in now.items() if move.version == prompt.version)
        decided = (candidate.decision or candidate.status, candidate.reason) if candidate else None
        decision, reason = decided or earlier.get(prompt.version, ("", prompt.note))
        may_ship = candidate is not None and candidate.decision == "ship"
        found.append(VersionOverview(prompt, on, decision, reason, may_ship))
    last = {m.version: i for i, m in enumerate(labels.moves)}
    found.sort(key=lambda v: (not v.labels, not v.decision, -last.get(v.prompt.version, -1), v.prompt.version))
    before = labels.history(PRODUCTION)[:-1]
    previous = before[-1] if before else None
    return Overview(
        found, now, labels.moves, labels.seen, previous,
        health=read_health(bench), lineage=read_lineage(bench), publications=last_publications(bench), turns=turns,
    )  # fmt: skip
