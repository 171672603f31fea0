"""Improve: propose better prompts from the failures, choose on dev, let the gate decide on test."""

from flywheel_pipeline.steps.improve.gate import Gate, GateReport, ModeChange, decide
from flywheel_pipeline.steps.improve.propose import ModeEvidence, Proposal, propose_prompts
from flywheel_pipeline.steps.improve.search import Bench, Judgement, improve_prompt

__all__ = [
    "Bench",
    "Gate",
    "GateReport",
    "Judgement",
    "ModeChange",
    "ModeEvidence",
    "Proposal",
    "decide",
    "improve_prompt",
    "propose_prompts",
]
