"""Golden: the permanent test set, grown from labelled traces, one split a family of near-duplicates."""

from flywheel_pipeline.steps.golden.cases import LabelledTrace, dump_case, in_current_modes, load_cases
from flywheel_pipeline.steps.golden.freeze import Quotas, grow_golden_set
from flywheel_pipeline.steps.golden.select import facility_location

__all__ = [
    "LabelledTrace",
    "Quotas",
    "dump_case",
    "facility_location",
    "grow_golden_set",
    "in_current_modes",
    "load_cases",
]
