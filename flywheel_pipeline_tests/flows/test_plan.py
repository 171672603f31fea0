"""The plan of a home: facts from its labels and gated prompts, a ticket, a grid of its own retrieval, a refusal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from flywheel_pipeline.cli import main
from flywheel_pipeline.errors import EditError, HomeError, SettingsError
from flywheel_pipeline.flows.plan import facts_of, make_plan, ticket_for
from flywheel_pipeline.flows.retrieval import measure_retrieval
from flywheel_pipeline.flows.training import write_training_file
from flywheel_pipeline.records import ImprovementPlan, Json, RawTrace
from flywheel_pipeline.steps.improve.ticket import TicketTrace, write_ticket
from flywheel_pipeline_tests.builders import a_case, an_annotation
from flywheel_pipeline_tests.homes import Place, a_labelled_home

COVERS = (
    "flows/plan.py", "flows/retrieval.py", "flows/training.py", "commands/plan.py", "steps/improve/ticket.py",
    "adapters/apps/retrieve.py", "adapters/llm/tokens.py", "defs/assets/improvement_plan.py",
)  # fmt: skip
RETRIEVE = """
def search(question, k=1, rerank=False):
    if question.startswith("Broken"):
        raise ValueError("no index")
    return [{"id": "d2"}, "d1", {"doc_id": "d3"}][:k]
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_labelled_home(tmp_path / "home", n=6)


def label_documents(place: Place, retrieved: str) -> None:
    """The expert names the document d1 as needed for each answer; failures had `retrieved`, passes d1."""
    traces, labels = place.lake.read("raw_traces", RawTrace), []
    for i, trace in enumerate(traces):
        failed = i < 6
        documents = Json(json.dumps([{"id": retrieved if failed else "d1", "content": "…"}]))
        traces[i] = replace(trace, retrieved=documents)
        labels.append(an_annotation(trace_id=trace.trace_id, verdict="fail" if failed else "pass",
                                    extra=Json('{"Expected doc ids": "d1"}')))  # fmt: skip
    place.lake.write("raw_traces", traces, part="2025-06-02")
    place.lake.write("annotations", labels)


def lever(place: Place) -> str:
    (row,) = make_plan(place.bench)
    assert place.lake.read("improvement_plan", ImprovementPlan) == [row]
    return row.lever


def test_missing_documents_name_the_retrieval_and_documents_that_were_there_the_prompt(place: Place) -> None:
    label_documents(place, "d9")
    assert lever(place) == "retrieval"
    label_documents(place, "d1")
    assert lever(place) == "prompt"


def test_what_the_expert_did_not_say_is_not_taken_for_found(place: Place) -> None:
    traces = place.lake.read("raw_traces", RawTrace)
    documents = Json('[{"id": "d1", "content": "It cannot do that."}]')
    place.lake.write("raw_traces", [replace(t, retrieved=documents) for t in traces], part="2025-06-02")
    _, facts = facts_of(place.bench, "claims it is DONE")
    assert (facts.n_documents, facts.missing.n) == (6, 0)
    assert lever(place) == "cannot tell"


def test_failing_tools_make_a_ticket_in_which_no_trace_becomes_markup(place: Place, tmp_path: Path) -> None:
    call = {"role": "assistant", "content": "", "tool_calls": [{"id": "c", "function": {"name": "cancel"}}]}
    turns = [{"role": "user", "content": "Cancel\n```\n# now <b>"}, call, {"role": "tool", "content": "500"}]
    traces = place.lake.read("raw_traces", RawTrace)
    place.lake.write("raw_traces", [
        replace(t, messages=Json(json.dumps([*turns, {"role": "assistant", "content": "Done"}]))) for t in traces
    ], part="2025-06-02")  # fmt: skip
    with pytest.raises(EditError, match="is known to go wrong first at a tool"):
        ticket_for(place.bench, "fm-1", tmp_path / "t.md")
    place.lake.write("annotations", [
        an_annotation(trace_id=t.trace_id, verdict="fail" if i < 6 else "pass", first_failure_step=2)
        for i, t in enumerate(traces)
    ])  # fmt: skip
    assert lever(place) == "tool or code"
    assert ticket_for(place.bench, "fm-1", tmp_path / "t.md") == 6
    text = (tmp_path / "t.md").read_text("utf-8")
    assert sum(line.startswith("```") for line in text.splitlines()) == 12, "no trace closes its fence"
    assert write_ticket("A [x](y) <b>", "", "", [TicketTrace("t", "", ())]).startswith("# A \\[x\\]\\(y\\) \\<b\\>")


def test_a_retrieval_is_measured_on_train_and_dev_cases_under_each_setting(place: Place) -> None:
    with pytest.raises(SettingsError, match="Name your retrieval"):
        measure_retrieval(place.bench)
    (place.root / "my_app.py").write_text(RETRIEVE, "utf-8")
    retrieval = "app: {retrieval: {function: 'my_app:search', grid: {k: [1, 2], rerank: [false, true]}}}\n"
    (place.root / "flywheel.yaml").write_text(retrieval, "utf-8")
    with pytest.raises(HomeError, match="says which documents it needs"):
        measure_retrieval(place.bench)
    ids = Json('["d1"]')
    cases = [a_case(case_id=f"g-{i}", family=f"f-{i}", split="dev", expected_doc_ids=ids) for i in range(8)]
    test = a_case(case_id="g-t", split="test", expected_doc_ids=ids, input="Broken if it is asked")
    place.lake.write("golden_set", [*cases, test])
    today, *others = measure_retrieval(place.bench)
    assert (today.options, today.all_found.value, today.n_errors) == ({"k": 1, "rerank": False}, 0.0, 0)
    assert {(m.options["k"], m.is_better) for m in others} == {(2, True), (1, False)}
    place.lake.write("golden_set", [replace(test, split="dev")])
    with pytest.raises(EditError, match=r"failed on every case; the first error: .*no index"):
        measure_retrieval(place.bench)


def test_fine_tuning_is_refused_with_what_is_missing_and_the_command_shows_the_plan(place: Place) -> None:
    with pytest.raises(EditError, match="0 of 2 gated rounds of prompts; 0 of 1,000 distinct families"):
        write_training_file(place.bench, "fm-1", place.root / "train.jsonl")
    with pytest.raises(EditError, match="No mode is called 'x'"):
        facts_of(place.bench, "x")
    done = CliRunner().invoke(main, ["plan", "--home", str(place.root)])
    assert done.exit_code == 0 and done.output.startswith("1. Claims it is done: "), done.output
