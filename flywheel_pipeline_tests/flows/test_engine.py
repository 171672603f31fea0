"""An evaluation of a home, over real HTTP: what is called, what is kept, and what a second run asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.adapters.home.files import GOLDEN_FILE
from flywheel_pipeline.errors import BudgetError, HomeError, ModelError, SettingsError
from flywheel_pipeline.flows.cells import estimate_evals, evaluate_estimated, explain_case
from flywheel_pipeline.flows.evaluate import Evaluator, active_cases, read_verdicts
from flywheel_pipeline.flows.workbench import Workbench
from flywheel_pipeline.records import Json, PromptVersion
from flywheel_pipeline.settings import load_settings
from flywheel_pipeline.steps.golden import addition, dump_case
from flywheel_pipeline_tests.adapters.llm.scripted_server import Said, ScriptedServer, question_of, scripted_server
from flywheel_pipeline_tests.builders import NOON, a_case, a_conversation, a_prompt, a_trace, an_annotation
from flywheel_pipeline_tests.homes import Place, a_home

COVERS = (
    "commands/evaluate.py",
    "errors.py",
    "flows/cells.py",
    "flows/engine.py",
    "flows/evaluate.py",
)

PROMPT = a_prompt()
FRESH = "; beside each candidate 5 answers and up to 5 verdicts more, for a fresh baseline"
MODE = {"mode_id": "fm-1", "name": "Made up", "definition": "It is invented.", "status": "accepted"}


def model(body: dict[str, Any]) -> Said:
    if "response_format" in body:
        return Said('{"explanation": "seen", "label": "pass"}', tokens=(20, 4))
    return Said(f"About {question_of(body)}", tokens=(10, 2))


def evaluated_home(path: Path, settings: str, n_cases: int = 5) -> Place:
    """A home with cases, a production prompt and one failure mode."""
    place = a_home(path)
    (path / "flywheel.yaml").write_text(settings)
    cases = [a_case(case_id=f"g-{i}", input=f"Question {i}?") for i in range(n_cases)]
    place.append(GOLDEN_FILE, addition([], [dump_case(c) for c in cases]))
    place.lake.write("golden_set", cases)
    place.lake.write("production_prompt", [PROMPT])
    (path / "taxonomy").mkdir(exist_ok=True)
    member = {"trace_id": "t-9", "assigned_by": "HUMAN", "confidence": 1.0, "text": "no such plan"}
    (path / "taxonomy" / "failure_modes.yaml").write_text(json.dumps({"modes": [{**MODE, "members": [member]}]}))
    return place


def settings_of(server: ScriptedServer, more: str = "") -> str:
    role = f'{{model: openai/x, api_base: "{server.url}", price: {{input: 1, output: 1}}}}'
    return f"models: {{app: {role}, judge: {role}}}\n{more}"


def evaluate(place: Place) -> Workbench:
    bench = place.bench
    prompt = bench.lake.read("production_prompt", PromptVersion)[0]
    Evaluator(bench, bench.llm()).evaluate(prompt, active_cases(bench))
    return bench


def test_a_run_asks_app_and_judge_once_and_a_second_run_asks_nobody(tmp_path: Path) -> None:
    with scripted_server(model) as server:
        place = evaluated_home(tmp_path / "home", settings_of(server))
        assert str(estimate_evals(place.bench)) == (
            f"5 cases: 5 answers and 5 verdicts to ask for, tokens not known yet, cost not known yet{FRESH}"
        )
        evaluate(place)
        assert len(server.bodies) == 10
        assert str(estimate_evals(place.bench)) == f"5 cases: nothing to call, everything is in the cache{FRESH}"
        bench = evaluate(place)
        assert len(server.bodies) == 10
    assert place.one("select count(*) from llm_calls where not cached") == 10
    assert place.one("select sum(cost_usd) from llm_calls") == pytest.approx(5 * 12e-6 + 5 * 24e-6)
    assert place.one("select sum(cost_usd) from answers") == pytest.approx(5 * 12e-6)
    assert [r.label for r in read_verdicts(bench, PROMPT.version) if r.evaluator == "judge:fm-1"] == ["pass"] * 5


def test_the_estimate_counts_cases_that_were_imported_since_the_last_run(tmp_path: Path) -> None:
    with scripted_server(model) as server:
        place = evaluated_home(tmp_path / "home", settings_of(server))
        evaluate(place)
        new = dump_case(a_case(case_id="g-new", input="Do you ship?"))
        place.append(GOLDEN_FILE, addition(place.lines(GOLDEN_FILE), [new]))
        assert str(estimate_evals(place.bench)).startswith("6 cases: 1 answers and 1 verdicts to ask for")
        assert explain_case(place.bench, "g-new")[0] == "g-new"


def test_the_estimate_counts_the_verdicts_on_labelled_answers_that_measure_the_judges(tmp_path: Path) -> None:
    with scripted_server(model) as server:
        place = evaluated_home(tmp_path / "home", settings_of(server, "evaluate: {judge_checks: 2}"))
        evaluate(place)
        said = ["Where is the hub?", "When does it rain?", "Who pays the parcel?"]
        traces = [
            a_trace(trace_id=f"t{i}", input=q, messages=Json(json.dumps(a_conversation(q, f"Answer {i}."))))
            for i, q in enumerate(said)
        ]
        place.lake.write("raw_traces", traces, part=f"{NOON:%Y-%m-%d}")
        good = {"verdict": "pass", "code": None, "comment": None}
        place.lake.write("annotations", [an_annotation(trace_id=t.trace_id, **good) for t in traces])
        assert "0 answers and 0 verdicts to ask for, and at least 7 verdicts to measure the judges" in str(
            estimate_evals(place.bench)
        )
        asked = len(server.bodies)
        Evaluator(place.bench, place.bench.llm()).align(active_cases(place.bench))
        assert len(server.bodies) - asked == 3 + 2 + 2
        assert "nothing to call" in str(estimate_evals(place.bench))


def test_a_large_run_says_before_what_it_is_estimated_to_take_and_may_be_stopped_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("flywheel_pipeline.flows.cells.LARGE", 10)
    caplog.set_level("INFO", "flywheel_pipeline")
    with scripted_server(model) as server:
        place = evaluated_home(tmp_path / "home", settings_of(server))
        evaluate_estimated(place.bench)
        (line,) = [r.getMessage() for r in caplog.records if r.name.endswith("cells")]
        assert line == (
            "estimate: 5 cases: 5 answers and 5 verdicts to ask for, tokens not known yet, cost not known yet; "
            "the step stops at 5 USD (llm.budget_usd)"
        )
        (place.root / "flywheel.yaml").write_text(settings_of(server, "llm: {max_estimate_usd: 0.0001}"))
        place.lake.write("production_prompt", [a_prompt("You are another one.")])
        with pytest.raises(BudgetError, match=r"5 answers and 5 verdicts .*about 0\.0002 USD.*llm\.max_estimate_usd"):
            evaluate_estimated(place.bench)
        assert len(server.bodies) == 10
        (place.root / "flywheel.yaml").write_text(settings_of(server, "llm: {max_estimate_usd: 0.01}"))
        evaluate_estimated(place.bench)
        assert len(server.bodies) == 15  # the judge has seen these very answers


def test_a_changed_definition_asks_the_judge_and_not_the_app_and_is_named(tmp_path: Path) -> None:
    with scripted_server(model) as server:
        place = evaluated_home(tmp_path / "home", settings_of(server))
        evaluate(place)
        path = place.root / "taxonomy" / "failure_modes.yaml"
        path.write_text(path.read_text().replace("It is invented.", "It is not in the documents."))
        assert explain_case(place.bench, "g-3") == ("g-3", ["judge:fm-1: failure mode changed"])
        assert str(estimate_evals(place.bench)) == (
            f"5 cases: 0 answers and 5 verdicts to ask for, about 120 tokens, about 0.0001 USD{FRESH}"
        )
        evaluate(place)
        assert len(server.bodies) == 15
        assert sum("response_format" not in b for b in server.bodies) == 5


def test_only_cells_without_a_result_are_asked_for_again(tmp_path: Path) -> None:
    broken = {"Question 1?", "Question 3?"}

    def answer(body: dict[str, Any]) -> Said:
        return Said("cut", finish="length") if question_of(body) in broken else model(body)

    with scripted_server(answer) as server:
        place = evaluated_home(tmp_path / "home", settings_of(server))
        evaluate(place)
        assert len(server.bodies) == 8
        assert place.one("select count(*) from answers where error like '%cut off%'") == 2
        assert explain_case(place.bench, "g-1")[1][0].startswith("answer: no result last time (the reply was cut off")
        broken.clear()
        evaluate(place)
        assert len(server.bodies) == 12
    assert place.one("select count(*) from answers where error is null") == 5


def test_repeats_are_calls_and_rows_of_their_own(tmp_path: Path) -> None:
    with scripted_server(model) as server:
        place = evaluated_home(tmp_path / "home", settings_of(server, "evaluate: {repeats: 3}"), n_cases=1)
        for _ in range(2):
            evaluate(place)
        assert sum("response_format" not in b for b in server.bodies) == 3
    assert place.one("select count(*) from answers") == 3
    assert place.one("select count(*) from eval_results where evaluator = 'judge:fm-1'") == 3


def test_an_app_that_answers_nothing_leaves_its_rows_and_is_an_error(tmp_path: Path) -> None:
    with scripted_server(lambda _: Said("")) as server:
        place = evaluated_home(tmp_path / "home", settings_of(server))
        with pytest.raises(ModelError, match=r"failed on all 5 cases; the first error: the reply is empty"):
            evaluate(place)
    assert place.one("select count(*) from answers where error = 'the reply is empty'") == 5


def test_limits_and_prices_come_from_the_settings(tmp_path: Path) -> None:
    with scripted_server(model) as server:
        place = evaluated_home(tmp_path / "home", settings_of(server, "llm: {max_calls: 4}"))
        with pytest.raises(BudgetError, match=r"llm\.max_calls"):
            evaluate(place)
        assert len(server.bodies) == 4
        (place.root / "flywheel.yaml").write_text(settings_of(server, "llm: {daily_max_calls: 6}"))
        with pytest.raises(BudgetError, match=r"llm\.daily_max_calls"):
            evaluate(place)
        assert len(server.bodies) == 6
        unpriced = settings_of(server).replace(", price: {input: 1, output: 1}", "")
        (place.root / "flywheel.yaml").write_text(unpriced)
        with pytest.raises(SettingsError, match="No price is known for openai/x"):
            evaluate(place)
        assert len(server.bodies) == 6
        (place.root / "flywheel.yaml").write_text(unpriced + "llm: {budget_usd: 0}")
        evaluate(place)
    assert place.one("select count(*) from llm_calls where cost_usd is null") == 4


def test_a_function_of_the_home_is_the_app_and_is_asked_once(tmp_path: Path) -> None:
    with scripted_server(model) as server:
        more = "app: {function: 'own_app_of_the_home:answer'}"
        place = evaluated_home(tmp_path / "home", settings_of(server, more))
        log = tmp_path / "asked.txt"
        write = f"with open({str(log)!r}, 'a') as file:\n        file.write(q['input'] + chr(10))"
        code = f"def answer(q):\n    {write}\n    return 'It is ' + q['input']\n"
        (place.root / "own_app_of_the_home.py").write_text(code)
        evaluate(place)
        evaluate(place)
        assert len(log.read_text().splitlines()) == 5
        assert len(server.bodies) == 5  # the judge
        (place.root / "own_app_of_the_home.py").write_text(code + "# changed\n")
        assert "answer: app changed" in explain_case(place.bench, "g-0")[1]
        evaluate(place)
        assert len(log.read_text().splitlines()) == 10
        assert len(server.bodies) == 5  # the answers are the same


def test_recorded_answers_of_the_home_are_judged(tmp_path: Path) -> None:
    with scripted_server(model) as server:
        place = evaluated_home(tmp_path / "home", settings_of(server, "app: {recorded: answers.jsonl}"))
        with pytest.raises(HomeError, match=r"answers\.jsonl"):
            evaluate(place)
        rows = [{"case_id": f"g-{i}", "output": f"Recorded {i}."} for i in range(3)]
        (place.root / "answers.jsonl").write_text("\n".join(map(json.dumps, rows)))
        evaluate(place)
        assert len(server.bodies) == 3
    assert place.one("select count(*) from answers where error = 'no recorded answer'") == 2


def test_a_header_of_an_endpoint_takes_its_key_from_the_environment(tmp_path: Path) -> None:
    place = a_home(tmp_path / "home")
    (place.root / "flywheel.yaml").write_text(
        'app: {http: {url: "http://127.0.0.1/x", headers: {Authorization: "Bearer ${MY_KEY}"}}}'
    )
    http = load_settings(place.root, {}).app.http
    assert http is not None and http.resolved_headers({"MY_KEY": "k-1"}) == {"Authorization": "Bearer k-1"}
    with pytest.raises(SettingsError, match="MY_KEY"):
        http.resolved_headers({})


@pytest.mark.parametrize("ways", ["{function: 'a:b', recorded: x}", "{function: nope}", "{http: {url: 'ftp://x'}}"])
def test_an_app_is_run_in_one_way(tmp_path: Path, ways: str) -> None:
    place = a_home(tmp_path / "home")
    (place.root / "flywheel.yaml").write_text(f"app: {ways}")
    with pytest.raises(SettingsError):
        load_settings(place.root, {})


def test_a_case_that_there_is_not_is_an_error(tmp_path: Path) -> None:
    place = evaluated_home(tmp_path / "home", "automation: {settle_seconds: 0}")
    with pytest.raises(HomeError, match="No golden case begins with 'g-nope'"):
        explain_case(place.bench, "g-nope")
    with pytest.raises(HomeError, match="5 golden cases begin with 'g-'"):
        explain_case(place.bench, "g-")
