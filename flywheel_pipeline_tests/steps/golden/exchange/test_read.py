"""Files of other tools as they write them: what is understood, what is set aside, what is not kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.steps.capture.messages import to_messages
from flywheel_pipeline.steps.golden.exchange import FORMATS, ReadFile, export_cases, read_cases
from flywheel_pipeline.steps.golden.exchange.yaml_items import MAX_NODES
from flywheel_pipeline_tests.steps.golden.exchange.cases import BY_NAME, a_real_case, texts

COVERS = (
    "steps/golden/exchange/choices.py",
    "steps/golden/exchange/files.py",
    "steps/golden/exchange/yaml_items.py",
    "steps/golden/exchange/format.py",
)
ASK = [{"role": "user", "content": "Is it open?"}]


def read(name: str, data: Any, form: str | None = None) -> ReadFile:
    raw = data if isinstance(data, bytes) else data.encode() if isinstance(data, str) else json.dumps(data).encode()
    return read_cases(name, raw, BY_NAME[form] if form else None, to_messages)


def only(found: ReadFile) -> dict[str, Any]:
    assert found.rejected == ()
    (row,) = found.rows
    assert not row.ours
    return {k: v for k, v in row.row.items() if v is not None}


def asked(**more: Any) -> dict[str, Any]:
    return {"messages": ASK, "input": "Is it open?", **more}


THEIRS = [
    ("promptfoo", "p.yaml", "- vars: {question: Is it open?}\n  assert: [{type: equals, value: 'Yes, till six.'}]\n"),
    ("promptfoo", "p.yml", "prompts: [x]\ntests:\n- vars: {q: Is it open?}\n  assert: [{type: contains, value: 'Yes, till six.'}]\n"),
    ("promptfoo", "p.json", {"tests": [{"vars": {"query": "Is it open?"}, "assert": [{"type": "similar", "value": "Yes, till six."}]}]}),
    ("promptfoo-csv", "p.csv", 'question,__expected\nIs it open?,"similar(0.8):Yes, till six."\n'),
    ("promptfoo-csv", "p.csv", 'question,__expected1,__expected2\nIs it open?,is-json,"Yes, till six."\n'),
    ("agenta", "t.csv", 'question,correct_answer\nIs it open?,"Yes, till six."\n'),
    ("agenta", "t.csv", 'messages,correct_answer\n"[{""role"": ""user"", ""content"": ""Is it open?""}]","Yes, till six."\n'),
    ("langfuse", "l.json", {"data": [{"id": "i", "status": "ACTIVE", "input": {"question": "Is it open?"}, "expectedOutput": {"answer": "Yes, till six."}, "datasetId": "d"}], "meta": {"page": 1}}),
    ("langfuse", "l.json", [{"datasetName": "d", "input": "Is it open?", "expectedOutput": "Yes, till six."}]),
    ("langsmith", "s.jsonl", {"inputs": {"question": "Is it open?"}, "outputs": {"answer": "Yes, till six."}}),
    ("langsmith", "s.json", [{"inputs": {"messages": [{"type": "human", "content": "Is it open?"}]}, "outputs": {"message": {"role": "assistant", "content": "Yes, till six."}}, "split": ["base"]}]),
    ("inspect", "i.jsonl", {"input": "Is it open?", "target": ["Yes, till six."]}),
    ("inspect", "i.json", [{"id": 7, "input": [{"role": "system", "content": "Be kind."}, *ASK], "target": "Yes, till six."}]),
    ("deepeval", "d.json", [{"input": "Is it open?", "actual_output": None, "expected_output": "Yes, till six."}]),
    ("mlflow", "m.json", [{"inputs": {"question": "Is it open?"}, "expectations": {"expected_response": "Yes, till six."}}]),
    ("openai-evals", "e.jsonl", {"input": [{"role": "system", "content": "x"}, *ASK], "ideal": "Yes, till six."}),
    ("openai-evals-api", "e.jsonl", {"item": {"input": "Is it open?", "ideal": ["Yes, till six."]}}),
    ("openai-finetune", "f.jsonl", {"messages": [*ASK, {"role": "assistant", "content": "Yes, till six."}]}),
    ("jsonl", "x.jsonl", {"question": "Is it open?", "answer": "Yes, till six."}),
    ("csv", "x.csv", 'input,output\nIs it open?,"Yes, till six."\n'),
    ("csv", "x.csv", 'question;answer\nIs it open?;Yes, till six.\n'),
    ("csv", "x.csv", 'Prompt,Completion\nIs it open?,"Yes, till six."\n'),
    ("agenta", "x.csv", 'Country,Correct_Answer,correct_answer\nIs it open?,,"Yes, till six."\n'),
]  # fmt: skip


@pytest.mark.parametrize(("form", "name", "data"), THEIRS)
def test_what_other_tools_write_is_recognised_and_understood(form: Any, name: Any, data: Any) -> None:
    found = read(name, data)
    assert found.format == form
    assert only(found) == asked(reference="Yes, till six.")


def test_every_format_has_an_example_of_another_tool() -> None:
    assert {form for form, _, _ in THEIRS} == {f.name for f in FORMATS}


def test_the_expected_answer_counts_over_the_one_that_was_given_and_a_question_is_no_answer() -> None:
    found = read("x.csv", 'text,output,expected_output\nIs it open?,No.,"Yes, till six."\n')
    assert only(found) == asked(reference="Yes, till six.") and found.dropped == {"output": 1}
    assert only(read("x.jsonl", {"text": "Is it open?"})) == asked()


def test_criteria_of_another_tool_are_criteria() -> None:
    rubric = {"vars": {"q": "Is it open?"}, "assert": [{"type": "llm-rubric", "value": "is polite"}]}
    assert only(read("p.json", [rubric])) == asked(criteria="is polite", criteria_kind="requirement")
    guided = {"inputs": {"q": "Is it open?"}, "expectations": {"guidelines": ["is polite", "is short"]}}
    assert only(read("m.json", [guided])) == asked(criteria="is polite\nis short", criteria_kind="requirement")


def test_documents_of_another_tool_are_context_and_a_trace_is_the_source() -> None:
    golden = {"input": "Is it open?", "expected_output": "Yes.", "context": ["Open till six."]}
    assert only(read("d.json", [golden]))["context"] == [{"content": "Open till six."}]
    item = {"datasetName": "d", "input": "Is it open?", "sourceTraceId": "t9"}
    assert only(read("l.json", [item])) == asked(source_trace_id="t9")


def test_a_split_family_or_id_of_another_tool_does_not_count_and_what_is_not_kept_is_named() -> None:
    item = {
        "inputs": {"question": "Is it open?", "tone": "kind"}, "outputs": {"answer": "Yes."}, "split": "train",
        "metadata": {"case_id": "g-1", "split": "train", "topic": "hours", "kind": "failure"}, "colour": "red",
    }  # fmt: skip
    found = read("s.json", [item])
    assert only(found) == asked(reference="Yes.", kind="failure")
    reported = ("inputs.tone", "colour", "metadata.topic", "metadata.case_id", "metadata.split")
    assert found.dropped == dict.fromkeys(reported, 1)


def test_a_system_prompt_is_left_out_and_named() -> None:
    chat = {"messages": [{"role": "system", "content": "Be kind."}, *ASK, {"role": "assistant", "content": "Yes."}]}
    found = read("f.jsonl", chat)
    assert only(found) == asked(reference="Yes.") and found.dropped == {"a system prompt": 1}


def test_an_answer_at_the_end_of_a_conversation_does_not_replace_the_reference() -> None:
    said = [*ASK, {"role": "assistant", "content": "No."}]
    assert only(read("i.jsonl", {"input": said, "target": "Yes."})) == asked(reference="Yes.")


def test_a_file_or_code_that_a_promptfoo_test_names_is_neither_opened_nor_kept() -> None:
    tests = [
        {"vars": {"q": "file://secret.txt"}},
        {"vars": "file://vars.yaml"},
        {"vars": {"q": "Is it open?"}, "assert": [{"type": "python", "value": "1"}, {"type": "equals", "value": "file://x.py"}]},
    ]  # fmt: skip
    found = read("p.json", tests)
    assert [(r.line, "another file" in r.reason) for r in found.rejected] == [(1, True), (2, True)]
    assert found.dropped == {"assert python": 1, "assert equals (another file, not loaded)": 1}


BROKEN = [
    ("x.jsonl", '{"input": "a"}\n{"input": \n{"input": "b"}\n', 2, "not valid JSON"),
    ("x.jsonl", '{"input": "a"}\n\n["b"]\n', 3, "must be an object"),
    ("x.jsonl", '{"input": "a"}\n{"input": ""}\n', 2, "no question"),
    ("x.jsonl", '{"input": "a"}\n{"input": "half \\ud83d"}\n', 2, "half a character"),
    ("x.jsonl", '{"input": "a"}\n{"messages": [{"role": "tool", "content": "r", "tool_call_id": "c"}]}\n', 2, "must end with"),
    ("x.jsonl", '{"input": "a"}\n{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "", "tool_calls": [{"id": "c", "function": {"name": "f"}}]}]}\n', 2, "must end with"),
    ("x.jsonl", '{"input": "a"}\n{"input": "a", "context": [{"score": NaN}]}\n', 2, "number that is none"),
    ("x.csv", 'question,answer\na,b\n"c\nd",e,f\n', 3, "3 cells"),
    ("x.csv", 'question,question\na,b\n', 2, "twice"),
    ("x.csv", 'question,answer\na,"b\n', 2, "never closed"),
    ("x.json", '[{"input": "a"}, 5]', 2, "must be an object"),
    ("x.json", '[{"input": "a"}', 0, "not valid JSON"),
    ("x.yaml", "- vars: {q: a}\n- vars: {q: !!python/object/apply:os.getcwd []}\n", 2, "cannot be read"),
    ("x.yaml", "- {q: a\n", 0, "not a YAML file"),
    ("x.txt", "hello", 0, "unknown kind of file"),
    ("x.json", "", 0, "is empty"),
    ("x.json", b"\xff\xfe{", 0, "not valid UTF-8"),
    ("x.json", '[{"colour": 1}]', 1, "of no known format"),
    ("x.json", '[{"datasetName": "d", "input": "a", "status": "ARCHIVED"}]', 1, "archived"),
    ("x.json", '[{"inputs": 5}]', 1, "inputs must be an object"),
    ("x.json", "[" * 100_000, 0, "not valid JSON"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "line", "reason"), BROKEN)
def test_a_row_that_cannot_be_used_is_set_aside_with_its_line_and_the_reason(
    name: Any, data: Any, line: Any, reason: Any
) -> None:
    found = read(name, data)
    (bad,) = found.rejected
    assert (bad.line, reason in bad.reason) == (line, True), bad


def test_yaml_is_read_as_promptfoo_does_with_anchors_merged_and_dates_as_text() -> None:
    text = """
fair: &fair {assert: [{type: equals, value: 2024-01-31}]}
tests:
- <<: *fair
  vars: {q: Is it open?}
"""
    assert only(read("p.yaml", text)) == asked(reference="2024-01-31")


def test_a_yaml_file_of_a_few_lines_that_stands_for_billions_of_values_is_not_opened() -> None:
    levels = [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 12)]
    found = read("x.yaml", "\n".join(["l0: &l0 [x]", *levels, "tests: [*l11]"]))
    assert [f"{MAX_NODES:,}" in r.reason for r in found.rejected] == [True]


def test_a_yaml_file_that_stands_for_more_letters_than_memory_holds_is_not_opened() -> None:
    text = f"a: &a {'x' * 1000}\ntests: [{', '.join(['*a'] * 250_000)}]"
    assert ["characters" in r.reason for r in read("x.yaml", text).rejected] == [True]


def test_an_export_of_ours_that_somebody_edited_is_read_as_it_is_now() -> None:
    case = a_real_case(reference="Yes.", split="dev")
    (item,) = json.loads(export_cases([case], BY_NAME["langfuse"]).data)
    item["expectedOutput"] = "No, not since May."
    (row,) = read("l.json", [item]).rows
    assert row.ours and row.row["reference"] == "No, not since May." and row.row["criteria"] == case.criteria


@pytest.mark.parametrize("form", ["promptfoo", "agenta", "csv", "jsonl", "deepeval"])
def test_an_edit_of_the_question_alone_is_set_aside_rather_than_lost_where_the_conversation_says_it_too(
    form: str,
) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}, *ASK]
    made = export_cases([a_real_case(turns)], BY_NAME[form]).data.decode()
    where = {
        "promptfoo": 'input: "Is it open?"',
        "agenta": '"Is it open?","[',
        "csv": '"Is it open?","[',
        "jsonl": '"input": "Is it open?"',
        "deepeval": '"input": "Is it open?"',
    }[form]
    assert made.count(where) == 1
    (bad,) = read(f"x.{BY_NAME[form].container}", made.replace(where, where.replace("open", "shut"))).rejected
    assert "differ: change both" in bad.reason


def test_an_export_of_ours_with_an_impossible_value_is_set_aside() -> None:
    (item,) = json.loads(export_cases([a_real_case()], BY_NAME["langfuse"]).data)
    for field, value in (("split", "validation"), ("family", 5), ("kind", "odd")):
        (bad,) = read("l.json", [{**item, "metadata": {**item["metadata"], field: value}}]).rejected
        assert field in bad.reason


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts, lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["input", "inputs", "messages", "vars", "metadata", "item", "role", "content",
                                       "expectations", "tags", "assert", "context", "kind", "family", "split"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=300)
@given(items=st.lists(json_values, min_size=1, max_size=3), form=st.none() | st.sampled_from([f.name for f in FORMATS]))
def test_whatever_a_file_holds_every_item_is_a_row_or_is_set_aside(items: Any, form: Any) -> None:
    found = read("x.json", json.dumps(items), form)
    # a list of variables makes several rows of one item
    lines = {*(r.line for r in found.rows), *(r.line for r in found.rejected)}
    assert len(lines) == len(items)


def test_a_gold_answer_counts_over_the_one_that_was_given() -> None:
    assert only(read("x.csv", "question,answer,Gold answer\nIs it open?,No.,Yes.\n")) == asked(reference="Yes.")


def test_an_instruction_is_asked_with_its_input() -> None:
    found = only(read("x.jsonl", {"instruction": "Translate.", "input": "Hallo", "output": "Hello"}))
    assert (found["input"], found["reference"]) == ("Translate.\n\nHallo", "Hello")


@pytest.mark.parametrize("answer", [1, "B"])
def test_choices_belong_to_the_question_and_the_answer_is_one_of_them(answer: int | str) -> None:
    found = only(read("x.jsonl", {"question": "Which?", "choices": ["red", "blue"], "answer": answer}))
    assert (found["input"], found["reference"]) == ("Which?\n\nA) red\nB) blue", "blue")


def test_an_index_beyond_the_choices_is_no_answer() -> None:
    found = read("x.jsonl", {"question": "Which?", "choices": ["red", "blue"], "answer": 2})
    assert "reference" not in only(found) and found.dropped == {"the answer (no such choice)": 1}


def test_an_answer_of_weight_0_is_no_reference() -> None:
    said = {"messages": [*ASK, {"role": "assistant", "content": "No.", "weight": 0}]}
    found = read("f.jsonl", said)
    assert only(found) == asked() and found.dropped == {"an answer of weight 0": 1}


def test_alternatives_of_promptfoo_may_be_one_text() -> None:
    found = only(
        read(
            "p.json",
            [{"vars": {"q": "Is it open?"}, "assert": [{"type": "contains-any", "value": "till six, until 6"}]}],
        )
    )
    assert (found["reference"], found["reference_alternatives"]) == ("till six", ["until 6"])


CALLS = [{"name": "book", "arguments": {"seats": 4}}]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("c.jsonl", {"input": "Is it open?", "expected_tool_calls": CALLS}),
        ("c.csv", "input,expected_tool_calls\nIs it open?," + '"' + json.dumps(CALLS).replace('"', '""') + '"\n'),
        ("d.json", [{"input": "Is it open?", "expected_tools": [{"name": "book", "input_parameters": {"seats": 4}}]}]),
        ("d.json", [{"input": "Is it open?", "expectedTools": [{"name": "book", "inputParameters": {"seats": 4}}]}]),
    ],
)
def test_expected_tool_calls_are_kept(name: str, data: Any) -> None:
    assert only(read(name, data)) == asked(expected_tool_calls=CALLS)


def test_expected_tools_that_are_none_are_rejected_with_the_reason() -> None:
    found = read("d.json", [{"input": "Is it open?", "expected_tools": ["book"], "expected_output": "Yes."}])
    assert "expected_tools" in found.rejected[0].reason
