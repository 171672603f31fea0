"""Deploy: which prompt may go into production, when a canary has shown harm, and whether production got better."""

from flywheel_pipeline.steps.deploy.canary import GO_ON, ROLL_BACK, CanaryReport, count_sessions, judge_canary
from flywheel_pipeline.steps.deploy.health import (
    FIXED,
    REOPENED,
    WORSE,
    Known,
    Mix,
    ModeHealth,
    Rule,
    Seen,
    advice,
    judge_mode,
    mix_factors,
    topics_of,
)
from flywheel_pipeline.steps.deploy.promote import check_promotion, first_prompt, system_prompt

__all__ = [
    "FIXED",
    "GO_ON",
    "REOPENED",
    "ROLL_BACK",
    "WORSE",
    "CanaryReport",
    "Known",
    "Mix",
    "ModeHealth",
    "Rule",
    "Seen",
    "advice",
    "check_promotion",
    "count_sessions",
    "first_prompt",
    "judge_canary",
    "judge_mode",
    "mix_factors",
    "system_prompt",
    "topics_of",
]
