"""Fixtures of the tests of models."""

from __future__ import annotations

from pathlib import Path

import pytest

from flywheel_pipeline_tests.adapters.llm.clients import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "llm_cache")
