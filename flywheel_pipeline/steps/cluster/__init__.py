"""Cluster: the expert's comments on failures become a small, named, stable failure taxonomy."""

from flywheel_pipeline.steps.cluster.analyst import Analyst, ModelAnalyst, WordAnalyst
from flywheel_pipeline.steps.cluster.build import Taxonomy, build_taxonomy
from flywheel_pipeline.steps.cluster.modes import Failure, Member, Mode, dump_modes, load_modes
from flywheel_pipeline.steps.cluster.rank import Verdict, rank_modes, weighted_verdicts

__all__ = [
    "Analyst",
    "Failure",
    "Member",
    "Mode",
    "ModelAnalyst",
    "Taxonomy",
    "Verdict",
    "WordAnalyst",
    "build_taxonomy",
    "dump_modes",
    "load_modes",
    "rank_modes",
    "weighted_verdicts",
]
