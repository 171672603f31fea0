"""A home's templates: proposed from its traces, accepted by a person, their values in golden cases and prompts."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from flywheel_pipeline.adapters.apps import PromptApp
from flywheel_pipeline.adapters.home.files import TEMPLATES_FILE
from flywheel_pipeline.errors import CorruptFileError, HomeError
from flywheel_pipeline.flows.deploy.promote import Mover, set_prompt
from flywheel_pipeline.flows.deploy.templates import accept_template, mine_home
from flywheel_pipeline.flows.golden.grow import grow
from flywheel_pipeline.records import GoldenCase, Json, RawTrace
from flywheel_pipeline_tests.builders import a_case, a_conversation
from flywheel_pipeline_tests.fakes import FakeLLM
from flywheel_pipeline_tests.homes import Place, a_labelled_home

COVERS = ("flows/deploy/templates.py", "steps/deploy/templates/stored.py", "commands/templates.py")
TEMPLATE = "You are Moss.\nCustomer: {{customer}}\nToday is {{date}}.\nBe brief."


def put_prompts(place: Place) -> None:
    """Give every trace but the last the template, filled in; that one has another prompt."""
    traces = place.lake.read("raw_traces", RawTrace)
    prompts = [f"You are Moss.\nCustomer: {('Ada', 'Bo', 'Cy Ray')[i % 3]}\nToday is 2025-06-{i + 1:02}.\nBe brief."
               for i in range(len(traces) - 1)]  # fmt: skip
    place.lake.write("raw_traces", [
        replace(t, messages=Json(json.dumps(a_conversation(t.input, t.output or "", system=p))))
        for t, p in zip(traces, [*prompts, "Something else."], strict=True)
    ], part="2025-06-02")  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = a_labelled_home(tmp_path / "home")
    put_prompts(place)
    return place


def values(cases: list[GoldenCase]) -> dict[str, dict[str, str]]:
    return {c.source_trace_id or "": json.loads(c.variables or "{}") for c in cases if c.kind != "synthetic"}


def test_cases_get_the_values_of_their_traces_once_a_person_has_accepted_the_template(place: Place) -> None:
    found = mine_home(place.bench)
    assert [(e.template.text, e.coverage.n) for e in found.entries] == [(TEMPLATE, 35)]
    assert (found.mined.n_unfit, found.mined.unfit) == (1, ("Something else.",))
    before = grow(place.bench).cases
    assert set(map(str, values(before).values())) == {"{}"}
    place.lake.write("golden_set", [*before, a_case(case_id="g-imported", source_trace_id=None)])
    accepted = accept_template(place.bench, "1", "mira")
    n_unknown = 1 + sum(c.source_trace_id == "t35" for c in before)
    assert (accepted.n_cases, accepted.n_without) == (len(before) + 1, n_unknown)
    assert accepted.is_production and place.bench.registry.production() is not None
    after = grow(place.bench)
    known = {t: v for t, v in values(after.cases).items() if v}
    assert known["t00"] == {"customer": "Ada", "date": "2025-06-01"}
    assert set(values(after.cases)) - set(known) <= {"t35"}
    assert all(json.loads(c.variables or "{}") for c in after.cases if c.kind == "synthetic")
    assert grow(place.bench).cases == after.cases, "entries are written once"
    file = place.root / TEMPLATES_FILE
    file.write_text(file.read_text("utf-8").replace("{{date}}", "{{today}}"), "utf-8")
    renamed = values(grow(place.bench).cases)["t00"]
    assert renamed == {"customer": "Ada", "today": "2025-06-01"}, "a case follows a variable that is renamed"


def test_the_production_prompt_makes_way_only_for_its_own_template(place: Place) -> None:
    set_prompt(place.bench, "Something of our own.", Mover())
    mine_home(place.bench)
    accepted = accept_template(place.bench, "1")
    assert not accepted.is_production and accepted.before
    production = place.bench.registry.production()
    assert production is not None and production.text == "Something of our own."


def test_a_template_that_is_in_production_makes_way_when_it_is_renamed_and_for_no_wider_one(place: Place) -> None:
    wider = "You are Moss.\nCustomer: {{notes}}\nBe brief."
    mine_home(place.bench)
    accept_template(place.bench, "1")
    file = place.root / TEMPLATES_FILE
    kept = file.read_text("utf-8")
    file.write_text(f"{kept}- {{text: {json.dumps(wider)}, status: proposed}}\n", "utf-8")
    accepted = accept_template(place.bench, "2")
    production = place.bench.registry.production()
    assert not accepted.is_production and production is not None and production.text == TEMPLATE
    file.write_text(kept.replace("{{date}}", "{{today}}"), "utf-8")
    assert accept_template(place.bench, "1").is_production


def test_what_a_person_renamed_or_rejected_stays_so_when_templates_are_mined_again(place: Place) -> None:
    mine_home(place.bench)
    file = place.root / TEMPLATES_FILE
    file.write_text(file.read_text("utf-8").replace("{{date}}", "{{today}}"), "utf-8")
    accept_template(place.bench, "1")
    assert [(e.template.names, e.status) for e in mine_home(place.bench).entries] == [
        (("customer", "today"), "accepted")
    ]
    file.write_text(file.read_text("utf-8").replace("accepted\n", "rejected\n"), "utf-8")
    assert [e.status for e in mine_home(place.bench).entries] == ["rejected"]
    assert place.bench.accepted_templates() == []


def test_a_template_that_no_longer_fits_and_a_damaged_file_are_refused(place: Place) -> None:
    mine_home(place.bench)
    file = place.root / TEMPLATES_FILE
    file.write_text(file.read_text("utf-8").replace("Be brief.", "Be kind."), "utf-8")
    with pytest.raises(HomeError, match="template 1: no trace has a prompt that it reproduces"):
        accept_template(place.bench, "1")
    with pytest.raises(HomeError, match="No template is '7'; there are 1"):
        accept_template(place.bench, "7")
    file.write_text("templates:\n- {text: Hello, status: maybe}\n", "utf-8")
    with pytest.raises(CorruptFileError, match="template 1: it needs a `text`, and a `status`"):
        mine_home(place.bench)


def test_a_prompt_is_never_sent_with_a_variable_of_the_template_unfilled() -> None:
    llm = FakeLLM(lambda _: "not asked")
    app = PromptApp(llm, variables=frozenset({"customer"}))
    answer = asyncio.run(app.answer("Greet {{customer}} with {{first_name}}.", a_case()))
    assert (answer.error, llm.asked) == ("the case has no value of {{customer}}", [])
