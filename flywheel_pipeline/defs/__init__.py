"""Dagster, and only Dagster: assets, checks, jobs, schedules and sensors are wiring around the steps."""
