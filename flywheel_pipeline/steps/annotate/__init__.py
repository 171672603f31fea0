"""Annotate: the expert's label files become `annotations`, one verdict a trace counts, the rest is kept."""

from flywheel_pipeline.steps.annotate.read import LabelFile, read_labels
from flywheel_pipeline.steps.annotate.resolve import Labels, resolve_labels

__all__ = ["LabelFile", "Labels", "read_labels", "resolve_labels"]
