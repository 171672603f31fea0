"""Steps in processes of their own are forked from one that has imported what they need."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from flywheel_pipeline.definitions import build_definitions
from flywheel_pipeline.defs.processes import PRELOADED, processes
from flywheel_pipeline.settings import load_settings


def test_everything_preloaded_can_be_imported() -> None:
    assert [name for name in PRELOADED if find_spec(name) is None] == []


def test_the_setting_chooses_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYWHEEL_EXECUTOR", "multiprocess")
    assert build_definitions(load_settings(tmp_path)).executor is processes
