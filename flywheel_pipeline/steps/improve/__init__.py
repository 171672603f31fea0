"""Improve: propose better prompts from the failures, choose on dev, let the gate decide on test."""

from flywheel_pipeline.steps.improve.gate import Comparison, Evidence, GateReport, decide
from flywheel_pipeline.steps.improve.looks import READER, count_looks
from flywheel_pipeline.steps.improve.propose import ModeEvidence, ProposedPrompt, propose_prompts
from flywheel_pipeline.steps.improve.rule import Gate
from flywheel_pipeline.steps.improve.search import OVERALL, Bench, Judgement, decide_again, improve_prompt

__all__ = [
    "OVERALL",
    "READER",
    "Bench",
    "Comparison",
    "Evidence",
    "Gate",
    "GateReport",
    "Judgement",
    "ModeEvidence",
    "ProposedPrompt",
    "count_looks",
    "decide",
    "decide_again",
    "improve_prompt",
    "propose_prompts",
]
