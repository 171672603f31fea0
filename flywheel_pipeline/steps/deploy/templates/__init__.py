"""Prompt templates: mined from rendered prompts, and the values of their variables read back from one."""

from flywheel_pipeline.steps.deploy.templates.mine import (
    Coverage,
    Mined,
    measure_coverage,
    mine_templates,
    read_prompt,
    variables_in,
)
from flywheel_pipeline.steps.deploy.templates.stored import ACCEPTED, PROPOSED, REJECTED, load_templates
from flywheel_pipeline.steps.deploy.templates.template import Rendered, Template, plain_text

__all__ = [
    "ACCEPTED",
    "PROPOSED",
    "REJECTED",
    "Coverage",
    "Mined",
    "Rendered",
    "Template",
    "load_templates",
    "measure_coverage",
    "mine_templates",
    "plain_text",
    "read_prompt",
    "variables_in",
]
