"""Deploy: which prompt may go into production."""

from flywheel_pipeline.steps.deploy.promote import check_promotion, first_prompt

__all__ = ["check_promotion", "first_prompt"]
