"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no test reaches for the network

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")  # another run: pytest --hypothesis-profile=default

REPO = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the developer's own FLYWHEEL_* and DAGSTER_HOME out of the tests."""
    for name in [n for n in os.environ if n.startswith("FLYWHEEL_") or n == "DAGSTER_HOME"]:
        monkeypatch.delenv(name)
    yield
