"""What a run does is on standard error, line by line, and as plain text where that is no terminal."""

from __future__ import annotations

import io
import logging

import pytest
from rich.console import Console

from flywheel_pipeline.commands.next_step import next_steps
from flywheel_pipeline.commands.progress import StepLines, terminal_lines
from flywheel_pipeline_tests.builders import a_candidate, a_mode, a_sampled_trace, an_annotation
from flywheel_pipeline_tests.homes import Place, a_home

COVERS = ("commands/next_step.py",)


def run_steps(lines: StepLines) -> None:
    with lines.shown():
        lines.started("capture_log")
        lines.made("capture_log", "capture_log", {"files_read_now": 1, "n_traces": 1200})
        logging.getLogger("flywheel_pipeline.adapters").info("asking [bold]models[/bold]\x1b[2J")
        for _ in range(3):  # one record per partition, of the same whole
            lines.made("capture_log", "capture_log", {"files_read_now": 1, "n_traces": 1200})
        lines.finished("capture_log")
        lines.started("capture_log_rows_accounted")
        lines.checked(False)
        lines.finished("capture_log_rows_accounted")
        lines.started("prompt_candidate")
        lines.finished("prompt_candidate", ok=False)
    lines.ended()


def test_a_pipe_gets_a_plain_line_per_step_and_none_per_check() -> None:
    out, ticks = io.StringIO(), iter(range(100))
    run_steps(StepLines(Console(file=out, force_terminal=False), lambda: next(ticks)))
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert lines == [
        "asking [bold]models[/bold]�[2J",
        "read files 1 new file, 1,200 traces in all 1.0 s",
        "improve stopped 1.0 s",
        "checks 0 passed, 1 to look at",
    ]
    assert out.getvalue().replace("\n", "").isprintable()


def test_a_terminal_also_shows_what_is_going_on_and_is_left_as_it_was() -> None:
    out = io.StringIO()
    run_steps(StepLines(Console(file=out, force_terminal=True, width=100)))
    assert "\x1b[?25l" in out.getvalue()  # the cursor is hidden meanwhile
    assert out.getvalue().rindex("\x1b[?25h") > out.getvalue().rindex("\x1b[?25l")


def test_standard_error_of_a_pipe_gets_no_control_characters(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    run_steps(terminal_lines())
    assert "\x1b" not in capsys.readouterr().err


def test_what_waits_is_named_most_useful_first(tmp_path_factory: pytest.TempPathFactory) -> None:
    place: Place = a_home(tmp_path_factory.mktemp("next") / "home")
    assert next_steps(place.bench) == "Next: `flywheel sample` (draws the next batch for the expert)."
    place.lake.write("sampled_traces", [a_sampled_trace(trace_id="t1"), a_sampled_trace(trace_id="t2")])
    place.lake.write("annotations", [an_annotation(trace_id="t2")])
    assert next_steps(place.bench).startswith("Next: `flywheel label` (1 sampled trace without a verdict)")
    place.lake.write("failure_taxonomy", [a_mode(kind="group to review")])
    place.lake.write("prompt_candidate", [a_candidate(decision="ship", candidate_id="c1")])
    found = next_steps(place.bench)
    assert found.startswith(
        "Next: `flywheel promote` (the gate lets c1 ship); also `flywheel taxonomy review` (1 group"
    )
    assert "`flywheel run`" in next_steps(place.bench, success=False)
