"""Annotate: the expert's label files become `annotations`, one verdict a trace counts, the rest is kept."""

from flywheel_pipeline.steps.annotate.agreement import Agreement, measure_agreement
from flywheel_pipeline.steps.annotate.read import LabelFile, read_labels
from flywheel_pipeline.steps.annotate.resolve import Labels, resolve_labels
from flywheel_pipeline.steps.annotate.sitting import FIELDS, Sharing, fold_events, label_row, queue_of, trace_of

__all__ = [
    "FIELDS", "Agreement", "LabelFile", "Labels", "Sharing", "fold_events", "label_row", "measure_agreement",
    "queue_of", "read_labels", "resolve_labels", "trace_of",
]  # fmt: skip
