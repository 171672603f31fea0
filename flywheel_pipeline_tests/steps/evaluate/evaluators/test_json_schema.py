"""The evaluator `json_schema`, and JSON compared as JSON."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.steps.evaluate.evaluators.json_schema import JsonSchema
from flywheel_pipeline.steps.evaluate.evaluators.json_values import identity, load, type_name
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline_tests.builders import a_case

COVERS = ("steps/evaluate/evaluators/json_schema.py", "steps/evaluate/evaluators/json_values.py")
TICKET = {
    "type": "object", "required": ["queue"], "additionalProperties": False,
    "properties": {"queue": {"enum": ["billing", "shipping"]}, "tags": {"type": "array", "uniqueItems": True}},
    "patternProperties": {"^x_": {"type": "string", "pattern": "^(a+)+$"}},
}  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def judged(output: str, **settings: Any) -> Judgement:
    return JsonSchema(**{"schema": TICKET, **settings}).check(a_case(), Answer(output))


@pytest.mark.parametrize(
    ("output", "label", "reason"),
    [
        ('{"queue": "billing"}', "pass", "valid"),
        (' {"queue": "billing", "tags": [1, true, "1"], "x_1": "aaa"}\n', "pass", "valid"),
        ('{"queue": "sales"}', "fail", "$.queue"),
        ("{}", "fail", "queue"),
        ('{"queue": "billing", "more": 1}', "fail", "'more': not allowed"),
        ('{"queue": "billing", "tags": [1, 1.0]}', "fail", "equal items"),
        ('{"queue": "billing", "x_1": "' + "a" * 50_000 + 'b"}', "fail", "$.x_1"),
        ('Sure! {"queue": "billing"}', "fail", "not JSON"),
        ('{"queue": "billing", "queue": "shipping"}', "fail", "stands twice"),
        ('{"queue": NaN}', "fail", "NaN"),
        ("{'queue': 'billing'}", "fail", "not JSON"),
        ("[" * 100_000, "fail", "nested too deeply"),
        ("9" * 5_000, "fail", "not JSON"),
    ],
)  # fmt: skip
def test_the_whole_answer_is_valid_json_or_fails_with_the_place(output: str, label: str, reason: str) -> None:
    found = judged(output)
    assert found.label == label
    assert reason in found.explanation


def test_a_fence_is_accepted_only_where_asked_and_only_around_the_whole_answer() -> None:
    fenced = '```json\n{"queue": "billing"}\n```'
    assert judged(fenced).label == "fail"
    assert "accept_fence" in judged(fenced).explanation
    assert judged(fenced, accept_fence=True).label == "pass"
    assert judged(f"Here it is:\n{fenced}", accept_fence=True).label == "fail"
    assert judged('{"queue": "billing"}', accept_fence=True).label == "pass"


@pytest.mark.parametrize(
    ("schema", "what"),
    [
        ({"type": "objekt"}, "no JSON schema"),
        ({"properties": {"a": {"pattern": "(?=x)"}}}, "RE2"),
        ({"patternProperties": {"(": {}}}, "regex|RE2|schema"),
    ],
)
def test_a_wrong_schema_is_refused_when_it_is_set(schema: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        JsonSchema(schema=schema)


def test_a_reference_to_another_document_is_not_fetched() -> None:
    found = judged("{}", schema={"$ref": "https://example.com/schema.json"})
    assert (found.label, found.broken) == (None, True)


def test_many_items_and_names_are_checked_in_linear_time() -> None:
    items = ", ".join(f'{{"a": {n}}}' for n in range(15_000))
    started = time.process_time()
    assert judged(f'{{"queue": "billing", "tags": [{items}]}}').label == "pass"
    assert time.process_time() - started < 3


def test_an_older_draft_is_read_as_such() -> None:
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "integer"}]}
    assert judged('["a"]', schema=schema).label == "fail"


def test_additional_members_may_have_a_schema_of_their_own() -> None:
    schema = {"properties": {"a": {}}, "additionalProperties": {"type": "integer"}}
    assert judged('{"a": "x", "b": 1}', schema=schema).label == "pass"
    assert "$.b" in judged('{"a": "x", "b": "y"}', schema=schema).explanation


@given(VALUES)
def test_a_value_equals_itself_read_again(value: Any) -> None:
    assert identity(load(json.dumps(value))) == identity(value)


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (1, 1.0, True), (True, 1, False), (0, False, False), ("1", 1, False), (None, False, False),
        ([1, 2], [2, 1], False), ({"a": 1, "b": 2}, {"b": 2.0, "a": 1}, True), ({"a": [True]}, {"a": [1]}, False),
        ([1], (1,), True), (10**400, 1e308, False), ("", None, False), ([], {}, False), ([], "", False),
    ],
)  # fmt: skip
def test_json_is_compared_as_json(a: Any, b: Any, equal: bool) -> None:
    assert (identity(a) == identity(b)) is equal


def test_types_are_named_as_in_json() -> None:
    values: list[Any] = [True, 1, "a", {}, [], None]
    named = [type_name(v) for v in values]
    assert named == ["true or false", "a number", "a text", "an object", "an array", "null"]


def test_what_is_nested_too_deeply_is_an_error_not_a_crash() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="deeply"):
        identity(deep)
