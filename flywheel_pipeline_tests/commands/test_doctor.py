"""`flywheel doctor` on the command line."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from flywheel_pipeline.cli import main


def test_a_problem_ends_with_1_and_a_home_in_order_with_0(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run = CliRunner()
    assert run.invoke(main, ["init", str(home)]).exit_code == 0
    done = run.invoke(main, ["doctor", "--home", str(home), "--no-models"])
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "All is in order.")
    assert "Dagster's instance opens" in done.output and "4317" in done.output and "4318" in done.output
    (home / "golden" / "golden_set.jsonl").write_text("broken")
    done = run.invoke(main, ["doctor", "--home", str(home), "--no-models"])
    assert done.exit_code == 1
    assert "PROBLEM  files" in done.output and done.output.splitlines()[-1] == "1 problem."
