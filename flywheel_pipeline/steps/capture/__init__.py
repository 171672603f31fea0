"""Capture: export files become `raw_traces`; what cannot be read is a reject with its reason."""

from flywheel_pipeline.steps.capture.formats.opinions import given_by, scale_of
from flywheel_pipeline.steps.capture.join_pieces import join_pieces
from flywheel_pipeline.steps.capture.read import Captured, Rules, read_block
from flywheel_pipeline.steps.capture.same_id import shared_id

__all__ = ["Captured", "Rules", "given_by", "join_pieces", "read_block", "scale_of", "shared_id"]
