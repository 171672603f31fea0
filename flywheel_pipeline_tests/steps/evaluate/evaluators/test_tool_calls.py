"""The evaluator `tool_calls`: how calls are read, when two are equal, and which sets of calls are right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.evaluate.evaluators.calls import read_call, read_expected
from flywheel_pipeline.steps.evaluate.evaluators.judgement import Judgement
from flywheel_pipeline.steps.evaluate.evaluators.tool_calls import ToolCalls
from flywheel_pipeline_tests.benchmarks.evaluators import variants
from flywheel_pipeline_tests.builders import a_case

COVERS = ("steps/evaluate/evaluators/calls.py", "steps/evaluate/evaluators/tool_calls.py")
BOOK = {
    "name": "book",
    "allowed": {"room": ["Blue", "Red"], "seats": [4], "projector": [True]},
    "optional": ["projector"],
}


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def judged(expected: Any, *calls: Mapping[str, Any], **settings: Any) -> Judgement:
    case = a_case(expected_tool_calls=None if expected is None else Json(json.dumps(expected)))
    return ToolCalls(**settings).check(case, Answer("", tool_calls=calls))


def label(expected: Any, *calls: Mapping[str, Any], **settings: Any) -> str | None:
    return judged(expected, *calls, **settings).label


A, B, C = call("a", x=1), call("b"), call("c", y=[1, {"z": "q"}])


@pytest.mark.parametrize(
    ("calls", "right"),
    [
        ((A, B), "strict unordered subset superset"),
        ((B, A), "unordered subset superset"),
        ((A,), "subset"),
        ((), "subset"),
        ((A, B, C), "superset"),
        ((C,), ""),
        ((A, A, B), "superset"),
        ((A, C), ""),
    ],
)
def test_which_calls_are_right_in_which_mode(calls: tuple[Any, ...], right: str) -> None:
    for match in ("strict", "unordered", "subset", "superset"):
        expected = "pass" if match in right.split() else "fail"
        assert label([A, B], *calls, match=match) == expected, match


@pytest.mark.parametrize(
    ("arguments", "right"),
    [
        ({"room": "Blue", "seats": 4}, "exact subset superset ignored"),
        ({"room": "Red", "seats": 4.0, "projector": True}, "exact subset superset ignored"),
        ({"room": "Blue"}, "subset ignored"),
        ({"room": "Blue", "seats": 4, "colour": "x"}, "superset ignored"),
        ({"room": "Green", "seats": 4}, "ignored"),
        ({"room": "Blue", "seats": "4"}, "ignored"),
        ({"room": "Blue", "seats": 4, "projector": 1}, "ignored"),
        ({"room": "blue", "seats": 4}, "ignored"),
    ],
)
def test_which_arguments_are_right_in_which_mode(arguments: dict[str, Any], right: str) -> None:
    for mode in ("exact", "subset", "superset", "ignored"):
        expected = "pass" if mode in right.split() else "fail"
        assert label([BOOK], call("book", **arguments), arguments=mode) == expected, mode


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"room": "Green", "seats": 4}, "book: argument room is 'Green', not 'Blue' (2 values are right)"),
        ({"room": "Blue", "seats": "4"}, "book: argument seats is a text, '4', not a number"),
        ({"room": "Blue", "seats": True}, "book: argument seats is true or false, True, not a number"),
        ({"room": "Blue"}, "book: the argument seats is missing"),
        ({"room": "Blue", "seats": 4, "more": 1}, "book: the argument more is not expected"),
    ],
)
def test_the_explanation_names_the_argument(arguments: dict[str, Any], reason: str) -> None:
    for match in ("strict", "unordered"):
        assert judged([BOOK], call("book", **arguments), match=match).explanation.endswith(reason)


def test_a_missing_and_a_further_call_are_named() -> None:
    assert judged([A, B], A).explanation == "b is not called as expected"
    assert judged([A], A, B).explanation == "b is called, but not expected"
    assert judged([A], B).explanation == "call 1 of 1: b is called instead of a"


def test_several_right_values_are_matched_so_that_as_many_calls_as_possible_fit() -> None:
    wide = {"name": "f", "allowed": {"x": [1, 2]}}
    narrow = {"name": "f", "allowed": {"x": [1]}}
    assert label([wide, narrow], call("f", x=1), call("f", x=2), match="unordered") == "pass"
    assert label([narrow, wide], call("f", x=2), call("f", x=1), match="unordered") == "pass"
    assert label([narrow, narrow], call("f", x=2), call("f", x=1), match="unordered") == "fail"


LEADERBOARD = {
    "find": {
        "where": [{"city": ["Graz", "Graz, Austria"], "zip": ["8010", ""]}], "limit": [5, ""],
        "tags": [["a", "b"], []],
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "right"),
    [
        ({"where": {"city": "Graz"}, "tags": ["a", "b"]}, True),
        ({"where": {"city": "Graz, Austria", "zip": "8010"}, "limit": 5, "tags": []}, True),
        ({"where": {"zip": "8010"}, "tags": []}, False),
        ({"where": {"city": "Graz", "street": "x"}, "tags": []}, False),
        ({"where": {"city": ["Graz"]}, "tags": []}, False),
        ({"where": {"city": "Graz"}, "tags": ["b", "a"]}, False),
        ({"where": {"city": "Graz"}, "tags": [], "limit": ""}, False),
        ({"where": "Graz", "tags": []}, False),
    ],
)
def test_the_leaderboards_form_with_nested_objects(arguments: dict[str, Any], right: bool) -> None:
    assert label([LEADERBOARD], call("find", **arguments)) == ("pass" if right else "fail")


@pytest.mark.parametrize(
    "made",
    [
        {"function": {"name": "f", "arguments": '{"x": 1}'}}, {"name": "f", "arguments": {"x": 1}},
        {"name": "f", "args": {"x": 1}}, {"type": "tool_use", "name": "f", "input": {"x": 1.0}},
    ],
)  # fmt: skip
def test_calls_are_read_in_the_usual_forms(made: dict[str, Any]) -> None:
    assert label([{"name": "f", "arguments": {"x": 1}}], made) == "pass"


@pytest.mark.parametrize("arguments", ["", "  ", None, {}, "{}"])
def test_no_arguments_are_an_empty_object(arguments: Any) -> None:
    assert label([{"name": "f"}], {"name": "f", "arguments": arguments}) == "pass"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ('{"x": 1', "not JSON"), ("[1]", "an array, not an object"), ('{"x": 1, "x": 2}', "stands twice"),
        ('{"x": NaN}', "NaN"), ("[" * 50_000, "deeply"),
    ],
)  # fmt: skip
def test_arguments_that_no_tool_could_read_fail(arguments: str, reason: str) -> None:
    found = judged([{"name": "f", "arguments": {"x": 1}}], {"name": "f", "arguments": arguments})
    assert found.label == "fail"
    assert reason in found.explanation


def test_a_call_without_a_name_or_unreadable_expectations_are_no_verdict() -> None:
    assert judged([A], {"id": "c1"}).broken
    for wrong in ("a", [1], [{"a": 1, "b": 2}], [{"f": [1]}], [{"f": {"x": 1}}], [{"name": "f", "allowed": {"x": []}}],
                  [{"name": "f", "optional": ["x"]}], [{"name": "f", "arguments": "{"}]):  # fmt: skip
        found = judged(wrong, A)
        assert (found.label, found.broken) == (None, True), wrong
        assert "expected call 1" in found.explanation


def test_a_case_that_says_nothing_of_calls_is_not_judged_and_one_that_expects_none_is() -> None:
    assert judged(None, A) == Judgement(None, "the case says nothing of its tool calls: `expected_tool_calls` is empty")
    assert label([]) == "pass"
    assert label([], A) == "fail"
    assert ToolCalls(expected=[A]).check(a_case(), Answer("", tool_calls=(A,))).label == "pass"
    assert ToolCalls().check(a_case(), Answer(None, error="down")).broken


def test_forbidden_tools_repeats_and_too_many_calls_fail_whatever_is_expected() -> None:
    only: dict[str, Any] = {"match": "none"}
    assert label(None, A, B, forbidden_tools=("b",), **only) == "fail"
    assert label(None, A, B, forbidden_tools=("c",), **only) == "pass"
    assert label(None, A, B, max_calls=1, **only) == "fail"
    assert label(None, call("f", x=1), call("f", x=1.0), allow_repeats=False, **only) == "fail"
    assert label(None, call("f", x=1), call("f", x=True), allow_repeats=False, **only) == "pass"
    assert label([A, B], A, B, forbidden_tools=("b",)) == "fail"
    assert label([A], *[A] * 2_000, match="superset") == "fail"


def test_case_may_be_ignored() -> None:
    assert label([BOOK], call("book", room="blue", seats=4), ignore_case=True) == "pass"
    assert label([BOOK], call("book", room="green", seats=4), ignore_case=True) == "fail"


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"match": "none"}, "nothing to check"), ({"match": "any"}, "match"),
        ({"expected": [{"a": 1, "b": 2}]}, "name"), ({"max_calls": -1}, "max_calls"),
        ({"forbidden_tools": [""]}, "forbidden_tools"),
    ],
)  # fmt: skip
def test_wrong_settings_are_refused(settings: Any, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        ToolCalls(**settings)


def test_deep_and_hostile_arguments_do_not_break_it() -> None:
    deep: Any = 1
    for _ in range(50_000):
        deep = {"x": deep}
    found = judged([{"name": "f", "arguments": {"x": 1}}], {"name": "f", "arguments": deep})
    assert found.label == "fail"
    assert label([call("f", x="{0}\ud800")], call("f", x="{0}\ud800")) == "pass"


calls = st.lists(st.sampled_from([A, B, C, call("a", x=2)]), max_size=4)


@given(calls, calls)
def test_the_modes_form_a_lattice(made: list[Any], expected: list[Any]) -> None:
    passes = {m: label(expected, *made, match=m) == "pass" for m in ("strict", "unordered", "subset", "superset")}
    assert not passes["strict"] or passes["unordered"]
    assert passes["unordered"] == (passes["subset"] and passes["superset"])
    assert passes["subset"] == (label(made, *expected, match="superset") == "pass")
    assert passes["unordered"] == (label(made, *expected, match="unordered") == "pass")


@given(calls, st.permutations(range(4)))
def test_the_order_of_unordered_calls_does_not_matter(made: list[Any], order: list[int]) -> None:
    shuffled = [made[i] for i in order if i < len(made)]
    assert label(made, *shuffled, match="unordered") == "pass"
    assert (label(made, *shuffled) == "pass") == (shuffled == made)


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 1)),
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 1)),
)
def test_exact_arguments_are_those_that_are_both_subset_and_superset(
    made: dict[str, int], right: dict[str, int]
) -> None:
    expected = [{"name": "f", "arguments": right}]
    passes = {m: label(expected, call("f", **made), arguments=m) == "pass" for m in ("exact", "subset", "superset")}
    assert passes["exact"] == (passes["subset"] and passes["superset"]) == (made == right)


def test_reading_keeps_the_name_and_values() -> None:
    assert read_call(A).arguments == {"x": 1}
    (expected,) = read_expected(BOOK)
    assert expected.arguments["projector"].optional
    assert not expected.arguments["room"].optional


ROW = {
    "function": [
        {"name": "book", "parameters": {"required": ["room", "seats", "equipment"]}},
        {"name": "notify", "parameters": {"required": ["who"]}},
    ],
    "allowed": [
        {"book": {"room": ["Blue", "Red"], "seats": [4], "equipment": [{"beamer": [True], "chairs": [2.5, ""]}],
                  "note": ["", "early"]}},
        {"notify": {"who": [["Ann", "Bo"]], "urgent": [False, ""]}},
    ],
}  # fmt: skip
VARIANTS = list(variants(ROW))


@pytest.mark.parametrize("variant", VARIANTS, ids=[f"{n} {v[0]}" for n, v in enumerate(VARIANTS)])
def test_every_right_variant_of_a_call_passes_and_every_wrong_one_fails(variant: Any) -> None:
    _, calls, match, right = variant
    made = [call(name, **arguments) for name, arguments in calls]
    assert label(ROW["allowed"], *made, match=match) == ("pass" if right else "fail")
