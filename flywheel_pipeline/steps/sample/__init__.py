"""Sample: a diverse, failure-seeking batch for the expert that still allows honest production rates."""

from flywheel_pipeline.steps.sample.draw import MAX_FRAME, Design, Frame, sample_traces
from flywheel_pipeline.steps.sample.inclusion import inclusion_probabilities
from flywheel_pipeline.steps.sample.pivotal import local_pivotal

__all__ = ["MAX_FRAME", "Design", "Frame", "inclusion_probabilities", "local_pivotal", "sample_traces"]
