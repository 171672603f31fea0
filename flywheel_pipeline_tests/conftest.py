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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that turn whole flywheels first, so that processes that share the files end together."""
    long = ("test_readme", "/defs/test_running", "/commands/test_interrupt", "/test_cli", "/defs/")
    items.sort(key=lambda item: not any(x in item.nodeid for x in long))


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the developer's own FLYWHEEL_* and DAGSTER_HOME out of the tests."""
    for name in [n for n in os.environ if n.startswith("FLYWHEEL_") or n == "DAGSTER_HOME"]:
        monkeypatch.delenv(name)
    yield
