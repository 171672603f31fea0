"""`flywheel_turns` on a home: noted when the gate decides, completed when production moves."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner

from flywheel_pipeline.cli import main
from flywheel_pipeline.defs.assets.flywheel_turns import _metadata
from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.flows.deploy.promote import Mover, promote_candidate, roll_back
from flywheel_pipeline.flows.deploy.turns import close_turn, note_turn, read_notes, record_turns
from flywheel_pipeline.records import FlywheelTurn, Json, LLMCall
from flywheel_pipeline_tests.builders import a_candidate, a_mode, a_prompt, a_sampled_trace, a_trace, an_annotation
from flywheel_pipeline_tests.homes import Place, a_home

COVERS = ("commands/turns_table.py", "defs/assets/flywheel_turns.py")
OLD, NEW = a_prompt("Be kind."), a_prompt("Be brief.")
EVIDENCE = Json('{"overall": {"difference": 0.1, "low": 0.02, "high": 0.2}, "traffic": {"problem": "no judge"}}')


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = a_home(tmp_path / "home")
    for prompt in (OLD, NEW):
        place.bench.registry.add(prompt)
    place.bench.registry.promote(OLD.version, at="2026-01-01T00:00:00Z")
    traces = [a_trace(trace_id=f"t{i}", started_at=datetime(2026, 1, 2 + i)) for i in range(3)]
    place.lake.write("raw_traces", traces, part="2026-01-02")
    place.lake.write("annotations", [an_annotation(trace_id=t.trace_id, verdict="fail") for t in traces])
    place.lake.write("failure_taxonomy", [a_mode(name="Made it up"), a_mode(mode_id="fm-9", status="retired")])
    decide(place, "hold")
    return place


def decide(place: Place, decision: str) -> None:
    made = a_candidate(candidate_id=NEW.version, base_version=OLD.version, decision=decision, evidence=EVIDENCE)
    place.lake.write("prompt_candidate", [made])
    note_turn(place.bench, OLD.version, [made])


def call(at: datetime, cost: float | None) -> LLMCall:
    return LLMCall(at, "app", "m", 1, 1, cost, 1.0, cached=False, error=None)


def only(place: Place) -> FlywheelTurn:
    (row,) = place.lake.read("flywheel_turns", FlywheelTurn)
    return row


def test_a_turn_knows_its_labels_its_modes_and_what_was_paid(place: Place) -> None:
    row = only(place)
    assert (row.decision, row.labels_added, row.n_new_modes, row.test_gain) == ("hold", 3, 1, 0.1)
    place.lake.write("llm_calls", [call(datetime(2099, 1, 1), 0.25), call(datetime(2099, 1, 1), 0.5)], "batch")
    decide(place, "hold")
    assert (only(place).cost_usd, only(place).n_calls) == (0.75, 2)


def test_what_is_paid_after_the_decision_is_noted_once_and_is_no_decision(place: Place) -> None:
    decided_at = only(place).decided_at
    soon = datetime.now(timezone.utc).replace(tzinfo=None)
    place.lake.write("llm_calls", [call(soon, 0.25)], "batch")
    for _ in range(2):
        close_turn(place.bench)
    assert (only(place).cost_usd, only(place).n_calls, only(place).decided_at) == (0.25, 1, decided_at)
    assert len(read_notes(place.bench)) == 2


def test_the_same_decision_again_adds_no_line(place: Place) -> None:
    decide(place, "hold")
    assert len(read_notes(place.bench)) == 1
    decide(place, "ship")
    assert len(read_notes(place.bench)) == 2 and only(place).decision == "ship"


def test_a_promotion_and_a_rollback_complete_the_turn_at_once(place: Place) -> None:
    decide(place, "ship")
    promote_candidate(place.bench, None, Mover("mira", "", "2026-01-10T12:00:00Z"))
    assert only(place).hours_to_fix == 7.5 * 24  # from the second of three failures
    roll_back(place.bench, Mover("mira", "", "2026-01-11T00:00:00Z"))
    assert only(place).rolled_back_at == datetime(2026, 1, 11)
    printed = CliRunner().invoke(main, ["turns", "--home", str(place.root)]).output
    assert "rolled back" in printed and "+10 (+2 to +20)" in printed and "7.5 days" in printed
    assert "predicted: not known, no judge" in printed and "new modes: Made it up" in printed


def test_failures_from_before_a_prompt_went_into_production_are_not_what_its_turn_fixes(place: Place) -> None:
    place.bench.registry.promote(NEW.version, at="2026-01-03T00:00:00Z")
    note_turn(place.bench, NEW.version, [])
    note = read_notes(place.bench)[-1]
    assert (note.decision, note.failures_at) == ("none", "2026-01-03T12:00:00Z")  # of the second and the third


def test_the_pass_rate_by_labels_is_noted_if_all_of_the_batch_was_answered_under_the_prompt(place: Place) -> None:
    day = datetime(2026, 1, 4)
    traces = [a_trace(trace_id=f"s{i}", started_at=day, prompt_version=OLD.version) for i in range(12)]
    verdicts = [an_annotation(trace_id=t.trace_id, verdict="fail" if i < 3 else "pass") for i, t in enumerate(traces)]
    place.lake.write("annotations", verdicts)
    place.lake.write("sampled_traces", [a_sampled_trace(trace_id=t.trace_id) for t in traces])
    place.lake.write("raw_traces", traces, part="2026-01-04")
    decide(place, "hold")
    noted = read_notes(place.bench)[-1].production
    assert noted is not None and (noted["value"], noted["n"]) == (0.75, 12)
    other = [a_trace(trace_id="s0", started_at=day, prompt_version=NEW.version), *traces[1:]]
    place.lake.write("raw_traces", other, part="2026-01-04")
    decide(place, "ship")
    assert read_notes(place.bench)[-1].production is None


def test_traces_without_a_version_are_not_those_of_a_prompt_that_came_back_later(place: Place) -> None:
    traces = [a_trace(trace_id=f"s{i}", started_at=datetime(2026, 1, 4), prompt_version=None) for i in range(12)]
    place.lake.write("annotations", [an_annotation(trace_id=t.trace_id, verdict="pass") for t in traces])
    place.lake.write("sampled_traces", [a_sampled_trace(trace_id=t.trace_id) for t in traces])
    place.lake.write("raw_traces", traces, part="2026-01-04")
    decide(place, "hold")
    assert read_notes(place.bench)[-1].production is not None
    place.bench.registry.promote(NEW.version, at="2026-01-03T00:00:00Z")
    place.bench.registry.promote(OLD.version, at="2026-01-05T00:00:00Z")
    decide(place, "ship")
    assert read_notes(place.bench)[-1].production is None  # they were answered while another prompt was there


def test_a_damaged_line_is_named_and_a_new_home_has_no_turn(place: Place, tmp_path: Path) -> None:
    empty = a_home(tmp_path / "empty")
    assert record_turns(empty.bench) == [] and _metadata([])["dagster/row_count"].value == 0
    assert "no turn yet" in CliRunner().invoke(main, ["turns", "--home", str(empty.root)]).output
    place.append("prompts/turns.jsonl", [{"at": "2026-01-01T00:00:00Z"}])
    with pytest.raises(CorruptFileError, match="line 2 is no decision"):
        record_turns(place.bench)


def test_dagster_plots_only_what_is_known(place: Place) -> None:
    found = _metadata(record_turns(place.bench))
    assert found["test_gain"].value == 0.1 and "predicted_gain" not in found and "hours_to_fix" not in found
