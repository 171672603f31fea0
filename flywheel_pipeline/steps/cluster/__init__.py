"""Cluster: the expert's comments on failures become a small, named, stable failure taxonomy."""

from flywheel_pipeline.steps.cluster.analyst import Analyst, ModelAnalyst, WordAnalyst
from flywheel_pipeline.steps.cluster.build import Taxonomy, build_taxonomy
from flywheel_pipeline.steps.cluster.confirm import confirm_proposals
from flywheel_pipeline.steps.cluster.history import (
    BY_HAND,
    PIPELINE,
    Change,
    Recorded,
    Reviewed,
    Said,
    dump_taxonomy,
    load_taxonomy,
    note_hand_edits,
)
from flywheel_pipeline.steps.cluster.human_decisions import settle_people, take_in
from flywheel_pipeline.steps.cluster.modes import Failure, Member, Mode, current_ids, dump_modes, load_modes
from flywheel_pipeline.steps.cluster.proposals import (
    accept_proposal,
    apply_all,
    dump_proposals,
    find_proposal,
    load_proposals,
    reject_proposal,
    renew_proposals,
)
from flywheel_pipeline.steps.cluster.propose import Proposal, propose_changes
from flywheel_pipeline.steps.cluster.rank import rank_labelled, traffic_pass_rate, weighted_verdicts

__all__ = [
    "BY_HAND",
    "PIPELINE",
    "Analyst",
    "Change",
    "Failure",
    "Member",
    "Mode",
    "ModelAnalyst",
    "Proposal",
    "Recorded",
    "Reviewed",
    "Said",
    "Taxonomy",
    "WordAnalyst",
    "accept_proposal",
    "apply_all",
    "build_taxonomy",
    "confirm_proposals",
    "current_ids",
    "dump_modes",
    "dump_proposals",
    "dump_taxonomy",
    "find_proposal",
    "load_modes",
    "load_proposals",
    "load_taxonomy",
    "note_hand_edits",
    "propose_changes",
    "rank_labelled",
    "reject_proposal",
    "renew_proposals",
    "settle_people",
    "take_in",
    "traffic_pass_rate",
    "weighted_verdicts",
]
