"""Measurements, run by hand: `python -m flywheel_pipeline_tests.benchmarks.NAME` prints a table."""
