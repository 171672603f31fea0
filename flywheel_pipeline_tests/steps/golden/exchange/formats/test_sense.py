"""Real fields of other tools in their sense: alternatives, choices, conversations, attachments, facts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.capture.messages import to_messages
from flywheel_pipeline.steps.golden.exchange import ReadFile, export_cases, read_cases
from flywheel_pipeline_tests.steps.golden.exchange.cases import BY_NAME, a_real_case

COVERS = (
    "steps/golden/exchange/criteria.py",
    "steps/golden/exchange/field_mapping.py",
    "steps/golden/exchange/messages.py",
    "steps/golden/exchange/formats/agenta.py",
    "steps/golden/exchange/formats/deepeval.py",
    "steps/golden/exchange/formats/inspect.py",
    "steps/golden/exchange/formats/langfuse.py",
    "steps/golden/exchange/formats/langsmith.py",
    "steps/golden/exchange/formats/mlflow.py",
    "steps/golden/exchange/formats/native.py",
    "steps/golden/exchange/formats/openai_evals.py",
)
IMAGE: dict[str, Any] = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
TEXT = {"type": "text", "text": "What is this?"}


def read(items: Any, name: str = "x.json") -> ReadFile:
    return read_cases(name, json.dumps(items).encode(), None, to_messages)


def only(item: Any) -> dict[str, Any]:
    found = read([item])
    assert found.rejected == ()
    return {k: v for k, v in found.rows[0].row.items() if v is not None and k != "messages"}


def test_every_ideal_answer_of_openai_evals_is_right() -> None:
    assert only({"input": "List the folder.", "ideal": ["list_directory", "ls", "ls"]}) == {
        "input": "List the folder.", "reference": "list_directory", "reference_alternatives": ["ls"],
    }  # fmt: skip


def test_choices_belong_to_the_question_and_letters_are_written_out() -> None:
    sample = {"input": "Which is a pump?", "choices": ["a hose", "a rotor"], "target": "B"}
    assert only(sample) == {
        "input": "Which is a pump?\n\nA) a hose\nB) a rotor", "reference": "a rotor", "reference_alternatives": ["B"],
    }  # fmt: skip
    assert only({**sample, "target": ["A", "B"]})["reference"] == "a hose\na rotor"
    found = read([{**sample, "target": "F"}])
    assert found.rows[0].row["reference"] == "F" and found.dropped == {"target (no such choice)": 1}


def test_targets_without_choices_are_alternatives() -> None:
    row = only({"input": "Open?", "target": ["Yes", "Sure"]})
    assert (row["reference"], row["reference_alternatives"]) == ("Yes", ["Sure"])


TURNS = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello!"},
    {"role": "user", "content": "Open?"},
]


def test_a_conversational_golden_is_its_turns_and_its_outcome_a_requirement() -> None:
    golden = {
        "scenario": "asks for the hours",
        "expected_outcome": "learns the hours",
        "turns": TURNS,
        "context": ["9 to 5"],
    }
    found = read([golden])
    (row,) = found.rows
    assert found.format == "deepeval" and row.row["messages"] == TURNS
    assert (row.row["criteria"], row.row["criteria_kind"]) == ("learns the hours", "requirement")
    assert row.row["context"] == [{"content": "9 to 5"}] and found.dropped == {"scenario": 1}


def test_a_conversational_golden_of_goldens_and_one_in_camel_case_are_read() -> None:
    turns = [{"input": "Hi", "actual_output": "Hello!"}, {"input": "Open?", "expected_output": "Yes."}]
    (row,) = read([{"turns": turns}]).rows
    assert (row.row["messages"], row.row["reference"]) == (TURNS, "Yes.")
    (row,) = read([{"scenario": "s", "expectedOutcome": "is told", "turns": TURNS}]).rows
    assert row.row["criteria"] == "is told"


def test_a_scenario_without_turns_is_set_aside() -> None:
    (bad,) = read([{"scenario": "asks for the hours", "expected_outcome": "learns them"}]).rejected
    assert "without turns" in bad.reason


def test_a_comment_of_somebody_elses_golden_is_no_criterion() -> None:
    found = read([{"input": "Open?", "expected_output": "Yes.", "comments": "ask Ann about this"}])
    assert "criteria" not in found.rows[0].row and found.dropped == {"comments": 1}


def test_facts_guidelines_and_documents_of_mlflow_are_kept() -> None:
    expected = {
        "expected_facts": ["open till six"], "guidelines": {"tone": ["is polite"]},
        "expected_retrieved_context": [{"doc_uri": "hours.md", "content": "9 to 6"}],
    }  # fmt: skip
    assert only({"inputs": {"question": "Open?"}, "expectations": expected}) == {
        "input": "Open?", "criteria": "is polite\nThe answer states this fact: open till six",
        "criteria_kind": "requirement", "expected_doc_ids": ["hours.md"],
    }  # fmt: skip


def test_what_outputs_hold_beside_the_answer_is_named() -> None:
    found = read([{"inputs": {"q": "Open?"}, "outputs": {"answer": "Yes.", "sources": ["a"]}}])
    assert found.rows[0].row["reference"] == "Yes." and found.dropped == {"outputs.sources": 1}
    item = {"datasetName": "d", "input": "Open?", "expectedOutput": '{"answer": "Yes.", "score": 1}'}
    found = read([item])
    assert found.rows[0].row["reference"] == "Yes." and found.dropped == {"expectedOutput.score": 1}


def test_a_list_that_is_the_answer_is_kept_whole() -> None:
    assert only({"inputs": {"q": "Tags?"}, "outputs": {"answer": ["a", "b"]}})["reference"] == '["a", "b"]'


def test_rows_of_braintrust_are_read() -> None:
    row = {"id": "1", "input": {"question": "Open?"}, "expected": "Yes.", "tags": ["x"], "metadata": {"m": 1}}
    found = read([row])
    assert (found.rows[0].row["input"], found.rows[0].row["reference"]) == ("Open?", "Yes.")
    assert found.dropped.keys() == {"id", "tags", "metadata"}


@pytest.mark.parametrize(
    "part",
    [
        IMAGE,
        {"type": "input_image", "image_url": IMAGE["image_url"]["url"]},
        {"type": "image", "image": IMAGE["image_url"]["url"]},
        {"type": "image", "source": {"type": "url", "url": IMAGE["image_url"]["url"]}},
    ],
)
def test_an_image_of_a_message_is_kept(part: Any) -> None:
    found = read([{"input": [{"role": "user", "content": [TEXT, part]}], "target": "A pump."}])
    assert found.rows[0].row["messages"] == [{"role": "user", "content": [TEXT, IMAGE]}]
    assert found.rows[0].row["input"].strip() == "What is this?"


def test_data_of_an_image_is_kept_and_an_unknown_part_is_named() -> None:
    data = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    parts = [TEXT, data, {"type": "video", "video": "x.mp4"}]
    found = read([{"messages": [{"role": "user", "content": parts}]}])
    (row,) = found.rows
    assert row.row["messages"][0]["content"][1]["image_url"]["url"] == "data:image/png;base64,AAAA"
    assert found.dropped == {"a video of a message": 1}


def test_media_that_langfuse_holds_is_named() -> None:
    media = "@@@langfuseMedia:type=image/png|id=1|source=base64@@@"
    item = {
        "datasetName": "d",
        "input": [{"role": "user", "content": [TEXT, {"type": "image_url", "image_url": media}]}],
    }
    found = read([item])
    assert found.rejected == () and found.dropped


SEEN = a_real_case([{"role": "user", "content": [TEXT, IMAGE]}], input="What is this?\n", reference=None, criteria=None)


@pytest.mark.parametrize("name", [n for n in BY_NAME if n != "openai-finetune"])
def test_an_image_comes_back_and_is_shown_where_the_tool_shows_images(name: str) -> None:
    made = export_cases([SEEN], BY_NAME[name])
    assert made.loss.lost == ()
    if name == "inspect":
        assert json.loads(made.data)["input"][0]["content"][1] == {"type": "image", "image": IMAGE["image_url"]["url"]}
    if name == "deepeval":
        assert "attachments" in {x.what for x in made.loss.changed}


@pytest.mark.parametrize("name", ["langfuse", "langsmith", "mlflow", "deepeval", "agenta"])
def test_a_tool_that_knows_one_answer_is_reported(name: str) -> None:
    case = a_real_case(reference="ls", reference_alternatives=Json('["dir"]'))
    assert "reference_alternatives" in {x.what for x in export_cases([case], BY_NAME[name]).loss.changed}


OPPOSITE = "does not repeat the fault"


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("kind", ["requirement", "prohibition"])
def test_no_export_says_the_opposite_of_what_is_meant(name: str, kind: str) -> None:
    case = a_real_case(
        kind="synthetic", mode_id=None, criteria="names a price", criteria_kind=kind, split="train", reference="x"
    )
    for reference in ("x", None):
        data = export_cases([replace(case, reference=reference)], BY_NAME[name]).data.decode()
        assert OPPOSITE not in data
        if kind == "prohibition" and "names a price" in data:
            assert "keeps to this prohibition: names a price" in data or '"prohibition"' in data
