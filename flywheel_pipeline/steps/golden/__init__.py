"""Golden: the permanent test set, grown from labelled traces, one split a family of near-duplicates."""

from flywheel_pipeline.steps.golden.cases import LabelledTrace, calls_of, in_current_modes, labelled_case
from flywheel_pipeline.steps.golden.grow import Growth, Quotas, grow_golden_set
from flywheel_pipeline.steps.golden.ledger import (
    active,
    addition,
    criticality,
    dump_case,
    graduations,
    list_versions,
    load_cases,
    retirement,
    variable_entries,
    version_of,
)
from flywheel_pipeline.steps.golden.near_duplicates import near_pairs
from flywheel_pipeline.steps.golden.proposals import decide_proposals, dump_proposal, load_pending
from flywheel_pipeline.steps.golden.propose import Proposed, Wishes, propose_cases
from flywheel_pipeline.steps.golden.report import Question, compose, find_gaps, growth_table
from flywheel_pipeline.steps.golden.select import facility_location

__all__ = [
    "Growth",
    "LabelledTrace",
    "Proposed",
    "Question",
    "Quotas",
    "Wishes",
    "active",
    "addition",
    "calls_of",
    "compose",
    "criticality",
    "decide_proposals",
    "dump_case",
    "dump_proposal",
    "facility_location",
    "find_gaps",
    "graduations",
    "grow_golden_set",
    "growth_table",
    "in_current_modes",
    "labelled_case",
    "list_versions",
    "load_cases",
    "load_pending",
    "near_pairs",
    "propose_cases",
    "retirement",
    "variable_entries",
    "version_of",
]
