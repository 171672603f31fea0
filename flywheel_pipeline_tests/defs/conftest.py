"""The demo, turned once for all tests that only look at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flywheel_pipeline.commands.home import demo_home
from flywheel_pipeline_tests.homes import Place


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Place:
    root: Path = demo_home(tmp_path_factory.mktemp("demo") / "home")
    place = Place(root)
    place.turn()
    return place
