"""`flywheel alerts test` says what is missing, and prints no address."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from flywheel_pipeline.cli import main
from flywheel_pipeline_tests.homes import a_home


def test_a_test_message_says_which_address_did_not_take_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = a_home(tmp_path / "home").root
    words = ["alerts", "test", "--home", str(home)]
    off = CliRunner().invoke(main, words)
    assert off.exit_code == 1 and "Alerts are off" in off.output
    (home / "flywheel.yaml").write_text("alerts: {urls_env: MY_ALERTS}")
    monkeypatch.setenv("MY_ALERTS", "json://127.0.0.1:1/s3cret")
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1 and "address 1 of 1: NOT TAKEN" in done.output and "s3cret" not in done.output
    (home / "flywheel.yaml").write_text("alerts: {urls_env: 'slack://s3cret'}")
    pasted = CliRunner().invoke(main, words)
    assert "an alert URL does not belong in a file" in pasted.output and "s3cret" not in pasted.output
