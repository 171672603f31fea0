"""Capture: what lies in export files becomes `raw_traces`, and every row that can not is a reject with a reason."""

from flywheel_pipeline.steps.capture.join_pieces import join_pieces
from flywheel_pipeline.steps.capture.read import Captured, Rules, read_block

__all__ = ["Captured", "Rules", "join_pieces", "read_block"]
