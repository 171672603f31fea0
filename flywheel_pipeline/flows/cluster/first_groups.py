"""The first groups of failures, as soon as a person has labelled a few: by their words, without a model or a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.steps.cluster import Failure, WordAnalyst, build_taxonomy

FEWEST = 3
"""Failures below which nothing is grouped."""
HOSTED = "litellm:"


@dataclass(frozen=True)
class Group:
    """Failures that are described alike, the most typical first, or that the annotator put into one failure mode."""

    name: str
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class FirstGroups:
    """The groups, the largest first, and the failures that resemble no other; both empty for too few failures."""

    groups: tuple[Group, ...]
    alone: tuple[Failure, ...]


def group_failures(bench: Workbench, failures: Sequence[Failure]) -> FirstGroups:
    """Return the groups that `flywheel run` would begin with if these were all failures and no model were asked.

    No hosted embedder is asked either.
    """
    if len(failures) < FEWEST:
        return FirstGroups((), tuple(failures))
    name = bench.settings.cluster.embedder
    embed = bench.embed if name.startswith(HOSTED) else bench.embedder(name)[1]
    built = build_taxonomy(failures, [], WordAnalyst(embed), bench.settings.cluster.max_modes)
    known = {f.trace_id: f for f in failures}
    groups = [Group(m.title, tuple(known[x.trace_id] for x in m.members)) for m in built.modes if m.members]
    alone = tuple(known[u.trace_id] for u in built.unassigned)
    return FirstGroups(tuple(sorted(groups, key=lambda g: (-len(g.failures), g.name))), alone)
