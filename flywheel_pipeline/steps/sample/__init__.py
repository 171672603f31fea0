"""Sample: a diverse, failure-seeking batch for the expert that still allows honest production rates."""

from flywheel_pipeline.steps.sample.draw import Design, sample_traces
from flywheel_pipeline.steps.sample.frame import NONE, Frame, frame_params, frame_query, read_frame
from flywheel_pipeline.steps.sample.inclusion import inclusion_probabilities, raise_to_minimum
from flywheel_pipeline.steps.sample.pivotal import local_pivotal
from flywheel_pipeline.steps.sample.saturation import Saturation, judge_saturation

__all__ = [
    "NONE", "Design", "Frame", "Saturation", "frame_params", "frame_query", "inclusion_probabilities",
    "judge_saturation", "local_pivotal", "raise_to_minimum", "read_frame", "sample_traces",
]  # fmt: skip
