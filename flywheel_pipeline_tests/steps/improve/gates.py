"""A gate with the default settings, of which a test states only what matters to it."""

from __future__ import annotations

from typing import Any

from flywheel_pipeline.settings import GateSettings
from flywheel_pipeline.steps.improve import Gate


def a_gate(**changes: Any) -> Gate:
    return Gate(**GateSettings(**changes).model_dump())
