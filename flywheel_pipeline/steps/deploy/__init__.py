"""Deploy: which prompt may go into production, and when a canary has shown harm."""

from flywheel_pipeline.steps.deploy.canary import GO_ON, ROLL_BACK, CanaryReport, count_sessions, judge_canary
from flywheel_pipeline.steps.deploy.promote import check_promotion, first_prompt, system_prompt

__all__ = [
    "GO_ON",
    "ROLL_BACK",
    "CanaryReport",
    "check_promotion",
    "count_sessions",
    "first_prompt",
    "judge_canary",
    "system_prompt",
]
