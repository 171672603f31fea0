"""Expectations from the records, run with great-expectations."""

from __future__ import annotations

from flywheel_pipeline.adapters.quality.expectations import Expectation, Outcome, expectations, run_expectations
from flywheel_pipeline.adapters.quality.kept import run_where_changed
from flywheel_pipeline.adapters.quality.table import run_on_table

__all__ = ["Expectation", "Outcome", "expectations", "run_expectations", "run_on_table", "run_where_changed"]
