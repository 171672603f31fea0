"""Improve: propose better prompts from the failures, choose on dev, let the gate decide on test."""

from flywheel_pipeline.steps.improve.bench import OVERALL, Bench, Judgement
from flywheel_pipeline.steps.improve.gate import Comparison, Evidence, GateReport, decide
from flywheel_pipeline.steps.improve.improver import Improver
from flywheel_pipeline.steps.improve.looks import READER, count_looks
from flywheel_pipeline.steps.improve.propose import LineReason, ModeEvidence, ProposedPrompt
from flywheel_pipeline.steps.improve.rule import Gate
from flywheel_pipeline.steps.improve.search import Search, decide_again

__all__ = [
    "OVERALL",
    "READER",
    "Bench",
    "Comparison",
    "Evidence",
    "Gate",
    "GateReport",
    "Improver",
    "Judgement",
    "LineReason",
    "ModeEvidence",
    "ProposedPrompt",
    "Search",
    "count_looks",
    "decide",
    "decide_again",
]
