"""Publish the production prompt where an application reads it: Langfuse, MLflow, Agenta, or a branch of git.

Each target can `read` what is in production there, and `write` another prompt; it keeps its own versions.
"""

from flywheel_pipeline.adapters.publish.agenta import AgentaTarget
from flywheel_pipeline.adapters.publish.git import GitTarget
from flywheel_pipeline.adapters.publish.langfuse import LangfuseTarget
from flywheel_pipeline.adapters.publish.mlflow import MlflowTarget
from flywheel_pipeline.adapters.publish.target import Found, Release, Target

__all__ = ["AgentaTarget", "Found", "GitTarget", "LangfuseTarget", "MlflowTarget", "Release", "Target"]
