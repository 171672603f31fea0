"""A prompt or another model on a few cases: both sides judged, nothing kept, nothing paid twice, test never read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from flywheel_pipeline.adapters.home.files import TEST_READS_FILE
from flywheel_pipeline.cli import main
from flywheel_pipeline.errors import EditError, HomeError
from flywheel_pipeline.flows.compare import Evaluated, compare, evaluated_versions, find_version
from flywheel_pipeline.flows.models import compare_models
from flywheel_pipeline.flows.other_model import with_model
from flywheel_pipeline.flows.trial import TryRequest, modes_to_try, try_prompt
from flywheel_pipeline_tests.flows.trying import BETTER, CASES, PROMPT, a_home_to_try
from flywheel_pipeline_tests.homes import Place

COVERS = (
    "flows/trial.py", "flows/models.py", "flows/other_model.py", "commands/trial.py", "steps/evaluate/usage.py",
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A home whose production prompt was evaluated; no test changes it for good."""
    return a_home_to_try(tmp_path_factory.mktemp("trial") / "home")


def n_calls(place: Place) -> int:
    return int(place.one("select count(*) from llm_calls where not cached"))


def test_both_answers_are_judged_by_the_modes_evaluators_on_train_and_dev_and_nothing_is_kept(place: Place) -> None:
    versions, reads = evaluated_versions(place.bench), place.lines(TEST_READS_FILE)
    tried = try_prompt(place.bench, TryRequest("Claims it is done", BETTER, n=3))
    assert tried.mode == "Claims it is done" and len(tried.details) == 3
    assert {d.case.split for d in tried.details.values()} <= {"train", "dev"}
    assert {d.case.mode_id for d in tried.details.values()} == {"fm-1"}
    assert tried.evaluators == ("judge:fm-1",)
    judged = {r.evaluator for d in tried.details.values() for r in (*d.before.verdicts, *d.after.verdicts)}
    assert judged == {"answered", "judge:fm-1"}
    assert (tried.before.n, tried.after.n, tried.after.usd_per_1000) == (3, 3, 0.0)
    assert not any("the mode has" in note for note in tried.compared.notes)  # it has six, three were asked for
    all_of_it = try_prompt(place.bench, TryRequest("Claims it is done", BETTER))
    assert "the mode has 6 cases of the train and dev splits" in all_of_it.compared.notes
    assert (evaluated_versions(place.bench), place.lines(TEST_READS_FILE)) == (versions, reads)


def test_the_same_trial_again_calls_nothing(place: Place) -> None:
    try_prompt(place.bench, TryRequest("fm-1", BETTER, n=2))
    before = n_calls(place)
    try_prompt(place.bench, TryRequest("fm-1", BETTER, n=2))
    assert n_calls(place) == before


def test_what_cannot_be_tried_is_refused_before_any_call(place: Place) -> None:
    before = n_calls(place)
    for text, why in ((PROMPT, "is the one in production"), (f"{BETTER} {{{{customer}}}}", "invents {{customer}}")):
        with pytest.raises(EditError, match=why):
            try_prompt(place.bench, TryRequest("fm-1", text))
    with pytest.raises(EditError, match="No mode is called 'nope'"):
        try_prompt(place.bench, TryRequest("nope", BETTER))
    assert n_calls(place) == before


def test_a_mode_whose_cases_are_all_of_the_test_split_is_not_tried(place: Place) -> None:
    try:
        place.lake.write("golden_set", [replace(c, split="test") for c in CASES])
        assert modes_to_try(place.bench) == []
        with pytest.raises(HomeError, match="test cases are never tried"):
            try_prompt(place.bench, TryRequest("fm-1", BETTER))
    finally:
        place.lake.write("golden_set", CASES)


def test_another_model_is_compared_on_dev_and_kept_as_a_version_of_its_own(place: Place) -> None:
    reads = place.lines(TEST_READS_FILE)
    (report,) = compare_models(place.bench, ["offline/generator", "offline/generator"])
    assert (report.split, report.before.n, report.after.n) == ("dev", report.after.n, report.before.n)
    assert place.lines(TEST_READS_FILE) == reads
    found = compare(place.bench, "production", "offline/generator")
    assert found.after.version == report.version and {c.split for c in found.found.cases} == {"dev"}
    assert compare(place.bench, found.before.version[:5], "production").before.role == "production"


def test_a_model_is_found_by_its_name_also_where_production_was_evaluated_beside_it() -> None:
    versions = [Evaluated(v, "", 3) for v in ("p1", "p1@openai/b", "p1~p1@openai/b", "p1~p2")]
    assert find_version(versions, "openai/b").version == "p1@openai/b"
    assert find_version(versions, "p1~p1@openai/b").version == "p1~p1@openai/b"
    assert find_version(versions, "p1").version == "p1"


def test_the_gate_reads_test_for_a_model_as_one_look(place: Place) -> None:
    (report,) = compare_models(place.bench, ["offline/generator"], on_test=True)
    (read,) = [r for r in place.lines(TEST_READS_FILE) if r["prompt_version"] == report.version]
    assert read["by"] == "prompt_candidate"
    assert report.gate is None or report.gate.decision in ("ship", "hold", "reject")
    assert {c.split for c in report.compared.found.cases} == {"test"}
    (again,) = compare_models(place.bench, ["offline/generator"])
    assert {c.split for c in again.compared.found.cases} == {"dev"} and not again.compared.found.left_out


def test_a_model_takes_its_settings_from_the_list_and_never_the_present_ones_price(place: Place) -> None:
    settings = place.root / "flywheel.yaml"
    kept = settings.read_text("utf-8")
    try:
        settings.write_text(
            f"{kept}models: {{app: {{model: openai/a, max_tokens: 9, price: {{input: 1, output: 2}}}}}}\n"
            "evaluate: {models: [{model: openai/c, price: {input: 3, output: 4}}]}\n", "utf-8"
        )  # fmt: skip
        other, listed = (with_model(place.bench, m).settings.models.app for m in ("openai/b", "openai/c"))
        assert (other.model, other.max_tokens, other.price) == ("openai/b", 9, None)
        assert listed.price is not None and listed.price.input == 3
        settings.write_text(f"{kept}app: {{http: {{url: 'http://127.0.0.1:9/'}}}}\n", "utf-8")
        with pytest.raises(EditError, match=r"run by app\.http, which does not ask models.app"):
            with_model(place.bench, "openai/b")
    finally:
        settings.write_text(kept, "utf-8")


def test_the_commands_show_both_sides(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "prompt.md"
    file.write_text(BETTER, "utf-8")
    home = ["--home", str(place.root)]
    done = CliRunner().invoke(main, ["try", str(file), "--mode", "fm-1", "--cases", "1", *home])
    assert done.exit_code == 0, done.output
    assert "usage after   0.0000 USD per 1,000 answers" in done.output and "-- Claims it is done: " in done.output
    asked = CliRunner().invoke(main, ["try", *home])
    assert asked.exit_code == 2 and "fm-1  Claims it is done" in asked.output
    models = CliRunner().invoke(main, ["evals", "models", "offline/generator", *home])
    assert models.exit_code == 0, models.output
    assert "== offline/generator, on the dev split" in models.output
