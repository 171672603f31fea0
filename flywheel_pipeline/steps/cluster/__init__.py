"""Cluster: the expert's comments on failures become a small, named, stable failure taxonomy."""

from flywheel_pipeline.steps.cluster.analyst import Analyst, ModelAnalyst, WordAnalyst
from flywheel_pipeline.steps.cluster.build import Taxonomy, build_taxonomy
from flywheel_pipeline.steps.cluster.confirm import confirm_proposals
from flywheel_pipeline.steps.cluster.history import (
    BY_HAND,
    PIPELINE,
    Author,
    Change,
    Recorded,
    Reviewed,
    dump_taxonomy,
    load_taxonomy,
    note_hand_edits,
)
from flywheel_pipeline.steps.cluster.human_decisions import add_built_modes, apply_human_decisions
from flywheel_pipeline.steps.cluster.modes import (
    Failure,
    Member,
    Mode,
    criterion_version,
    current_ids,
    dump_modes,
    load_modes,
)
from flywheel_pipeline.steps.cluster.proposals import (
    accept_proposal,
    apply_all,
    dump_proposals,
    find_proposal,
    load_proposals,
    reject_proposal,
    renew_proposals,
    with_tuned,
)
from flywheel_pipeline.steps.cluster.propose import ProposedChange, propose_changes
from flywheel_pipeline.steps.cluster.rank import labelled_batch, rank_labelled, traffic_pass_rate, weighted_verdicts
from flywheel_pipeline.steps.cluster.weights import label_weights

__all__ = [
    "BY_HAND",
    "PIPELINE",
    "Analyst",
    "Author",
    "Change",
    "Failure",
    "Member",
    "Mode",
    "ModelAnalyst",
    "ProposedChange",
    "Recorded",
    "Reviewed",
    "Taxonomy",
    "WordAnalyst",
    "accept_proposal",
    "add_built_modes",
    "apply_all",
    "apply_human_decisions",
    "build_taxonomy",
    "confirm_proposals",
    "criterion_version",
    "current_ids",
    "dump_modes",
    "dump_proposals",
    "dump_taxonomy",
    "find_proposal",
    "label_weights",
    "labelled_batch",
    "load_modes",
    "load_proposals",
    "load_taxonomy",
    "note_hand_edits",
    "propose_changes",
    "rank_labelled",
    "reject_proposal",
    "renew_proposals",
    "traffic_pass_rate",
    "weighted_verdicts",
    "with_tuned",
]
