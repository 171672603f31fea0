"""Capture: rows of export files become `raw_traces`, and every row that can not is a reject with a reason."""

from flywheel_pipeline.steps.capture.read import Bounds, Captured, read_traces

__all__ = ["Bounds", "Captured", "read_traces"]
