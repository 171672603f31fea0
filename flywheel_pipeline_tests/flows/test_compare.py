"""Two versions of a home compared, what limits the comparison, and failures that a person approves."""

from __future__ import annotations

from pathlib import Path

import pytest

from flywheel_pipeline.adapters.home.files import KNOWN_FAILURES_FILE
from flywheel_pipeline.errors import CorruptFileError, EditError, HomeError
from flywheel_pipeline.flows.compare import approve_failure, compare, evaluated_versions, find_version, stand
from flywheel_pipeline.steps.evaluate import quality_of_change
from flywheel_pipeline_tests.builders import a_mode, an_answer, an_eval_result
from flywheel_pipeline_tests.flows.evaluated import BASE, NEW, RUDE, evaluated_home, judge_version, put_modes
from flywheel_pipeline_tests.homes import a_home


def test_versions_are_named_by_their_role_or_first_letters(tmp_path: Path) -> None:
    versions = evaluated_versions(evaluated_home(tmp_path / "home", "pp").bench)
    assert [str(v) for v in versions] == [f"{BASE} (production)", f"{NEW} (candidate, hold)"]
    assert find_version(versions, "production").version == BASE
    assert find_version(versions, "candidate").version == NEW
    assert find_version(versions, NEW[:6]).version == NEW
    for name in ("nope", ""):
        with pytest.raises(HomeError, match=rf"Evaluated versions: {BASE} \(production\)"):
            find_version(versions, name)


def test_two_versions_are_compared_case_by_case(tmp_path: Path) -> None:
    found = compare(evaluated_home(tmp_path / "home", "pp", "pf", "fp", "p-", "ff").bench, "production", "candidate")
    assert [(c.case_id, c.outcome()) for c in found.found.cases] == [
        ("g-1", "broken"), ("g-3", "not evaluated"), ("g-4", "still fails"), ("g-2", "fixed"), ("g-0", "still passes"),
    ]  # fmt: skip
    assert found.name_of(RUDE) == "Rude"
    assert found.notes == ()


def test_failure_modes_that_nothing_may_judge_are_noted(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", "pp", "pf")
    place.lake.write("failure_taxonomy", [a_mode(mode_id=RUDE.partition(":")[2]), a_mode(mode_id="fm-late")])
    assert compare(place.bench, BASE, NEW).notes == (
        "1 of 2 failure modes have no evaluator that may decide: as judged, such a failure counts as a pass",
    )


def test_a_model_that_changed_with_the_prompt_is_noted(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", "pp")
    place.lake.write("answers", [an_answer(case_id="g-0", prompt_version=NEW, app_version="v2")], part=NEW)
    assert compare(place.bench, BASE, NEW).notes == (
        "the app itself (its model, settings or code) differs between the two, not only the prompt",
    )


def test_verdicts_by_a_judge_that_was_not_measured_so_are_not_counted_and_noted(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", "pp", evaluator_version="e2")
    found = compare(place.bench, BASE, NEW)
    assert found.found.counts()["not evaluated"] == 1
    assert found.notes == ("Rude: verdicts by another version of it count as not evaluated (2)",)


def test_a_judge_that_changed_since_it_was_measured_is_shown_and_not_counted(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", "pp", "pf")
    put_modes(place, "late", "rude")
    assert compare(place.bench, BASE, NEW).found.counts()["broken"] == 1
    (place.root / "flywheel.yaml").write_text("models: {judge: offline/other}\n")
    found = compare(place.bench, BASE, NEW).found
    assert [e.status for e in found.evaluators if e.evaluator == RUDE] == ["advisory"]
    assert (found.overall, found.counts()["broken"], found.counts(RUDE)["broken"]) == (None, 0, 1)


def test_a_check_whose_definition_changed_is_compared_by_its_latest_version(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", "pp")
    for version, by in ((BASE, "1"), (NEW, "2")):
        rows = place.bench.lake.frame("select * from eval_results where prompt_version = ?", [version])
        rows.loc[rows["evaluator"] == "answered", "evaluator_version"] = by
        place.lake.write("eval_results", {n: list(rows[n]) for n in rows.columns}, part=version)
    found = compare(place.bench, BASE, NEW)
    assert found.notes == ("answered: verdicts by another version of it count as not evaluated (1)",)
    assert found.found.counts()["not evaluated"] == 1


def test_cases_that_left_the_golden_set_are_not_compared(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", "pp", "pf")
    place.lake.write("eval_results", [an_eval_result(case_id="gone", prompt_version="old")], part="old")
    found = compare(place.bench, BASE, NEW)
    assert len(found.found.cases) == 2
    assert "old" not in {v.version for v in found.versions}


def test_the_baseline_that_was_evaluated_beside_a_candidate_is_named(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", "pp", "pf")
    judged = {"prompt_version": f"{BASE}~{NEW}", "evaluator": RUDE, "evaluator_version": judge_version(place)}
    rows = [an_eval_result(case_id=f"g-{n}", **judged) for n in range(2)]
    place.lake.write("eval_results", rows, part="beside")
    versions = evaluated_versions(place.bench)
    assert [v.role for v in versions] == ["production", "candidate, hold", f"baseline of {NEW}"]
    assert find_version(versions, BASE).role == "production"
    assert find_version(versions, "baseline").version == f"{BASE}~{NEW}"
    assert "evals compare baseline candidate" in compare(place.bench, "production", "candidate").notes[-1]
    assert compare(place.bench, "baseline", "candidate").notes == ()


def test_nothing_evaluated_names_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="none; `flywheel run` evaluates"):
        compare(a_home(tmp_path / "home").bench, "production", "candidate")


def test_an_approved_failure_may_stay_and_is_reported_when_it_passes(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", *["pp"] * 30, "pf")
    assert quality_of_change(compare(place.bench, BASE, NEW).found, []).code == 100
    (entry,) = approve_failure(place.bench, "g-30", "waits for the new price list", "candidate")
    assert (entry.case_id, entry.evaluator, entry.by) == ("g-30", RUDE, place.bench.settings.annotate.arbiter)
    found = compare(place.bench, BASE, NEW)
    assert quality_of_change(found.found, found.approved).code == 0
    assert stand(found).stay == (entry,)
    assert stand(compare(place.bench, BASE, BASE)).removable == (entry,)
    text = (place.root / KNOWN_FAILURES_FILE).read_text("utf-8")
    assert text.startswith("# Failures of golden cases that a person approved")


def test_what_passes_cannot_be_approved_and_nothing_without_a_reason(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", "pp", "pf")
    with pytest.raises(EditError, match="there is nothing to approve"):
        approve_failure(place.bench, "g-1", "reason")
    with pytest.raises(EditError, match="Give the reason"):
        approve_failure(place.bench, "g-1", "  ", "candidate")
    with pytest.raises(HomeError, match="2 evaluated cases begin with 'g-'; name one of them"):
        approve_failure(place.bench, "g-", "reason", "candidate")
    assert not (place.root / KNOWN_FAILURES_FILE).exists()


def test_a_file_of_known_failures_that_cannot_be_read_stops_the_comparison(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", "pp")
    place.bench.home.write_yaml(KNOWN_FAILURES_FILE, [{"case_id": "g-0", "evaluator": RUDE}])
    with pytest.raises(CorruptFileError, match="entry 1 has no reason"):
        compare(place.bench, BASE, NEW)
