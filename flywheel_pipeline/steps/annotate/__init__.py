"""Annotate: the expert's label files become `annotations`; one verdict per trace counts, the others are kept."""

from flywheel_pipeline.steps.annotate.agreement import Agreement, measure_agreement
from flywheel_pipeline.steps.annotate.columns import LabelRules
from flywheel_pipeline.steps.annotate.drift import Drift, measure_drift
from flywheel_pipeline.steps.annotate.exports import FOLDER, Exported, read_exports
from flywheel_pipeline.steps.annotate.read import LabelFile, read_labels, read_versions
from flywheel_pipeline.steps.annotate.resolve import (
    Contradiction,
    Labels,
    find_contradictions,
    find_disagreements,
    resolve_labels,
)
from flywheel_pipeline.steps.annotate.session import (
    AGAIN,
    FIELDS,
    PICKED,
    Event,
    Session,
    Sharing,
    fold_events,
    is_picked,
    label_row,
    queue_of,
    trace_of,
)

__all__ = [
    "AGAIN",
    "FIELDS",
    "FOLDER",
    "PICKED",
    "Agreement",
    "Contradiction",
    "Drift",
    "Event",
    "Exported",
    "LabelFile",
    "LabelRules",
    "Labels",
    "Session",
    "Sharing",
    "find_contradictions",
    "find_disagreements",
    "fold_events",
    "is_picked",
    "label_row",
    "measure_agreement",
    "measure_drift",
    "queue_of",
    "read_exports",
    "read_labels",
    "read_versions",
    "resolve_labels",
    "trace_of",
]
