"""promptfoo configurations as people write them: what a case inherits, and what a file stands for."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from flywheel_pipeline.steps.capture.messages import to_messages
from flywheel_pipeline.steps.golden.exchange import ReadFile, read_cases
from flywheel_pipeline.steps.golden.exchange.formats.promptfoo.config import MAX_COMBINATIONS

COVERS = (
    "steps/golden/exchange/formats/promptfoo/__init__.py",
    "steps/golden/exchange/formats/promptfoo/config.py",
)


def read(document: Any) -> ReadFile:
    text = document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False)
    found = read_cases("p.yaml", text.encode(), None, to_messages)
    assert found.format == "promptfoo"
    return found


def rows(document: Any) -> list[tuple[Any, ...]]:
    found = read(document)
    assert found.rejected == ()
    return [(r.row["input"], r.row.get("criteria"), r.row.get("reference")) for r in found.rows]


def rubric(text: str) -> dict[str, str]:
    return {"type": "llm-rubric", "value": text}


def test_every_test_inherits_the_variables_and_the_assertions_of_the_default_test() -> None:
    document = {
        "defaultTest": {"vars": {"shop": "Rosen"}, "assert": [rubric("names {{shop}}")]},
        "tests": [
            {"vars": {"question": "Open on Sunday?"}, "assert": [rubric("is short")]},
            {"vars": {"question": "Open at {{shop}}?", "shop": "Nelken"}},
        ],
    }
    assert rows(document) == [
        ("Open on Sunday?", "names Rosen\nis short", None),
        ("Open at Nelken?", "names Nelken", None),
    ]
    assert [r.row["variables"] for r in read(document).rows] == [{"shop": "Rosen"}, {"shop": "Nelken"}]


def test_a_test_may_decline_the_default_assertions() -> None:
    test = {"vars": {"q": "Open?"}, "options": {"disableDefaultAsserts": True}, "assert": [rubric("is short")]}
    assert rows({"defaultTest": {"assert": [rubric("is kind")]}, "tests": [test]}) == [("Open?", "is short", None)]


def test_a_default_test_in_another_file_is_reported_as_not_loaded() -> None:
    found = read({"defaultTest": "file://default.yaml", "tests": [{"vars": {"q": "Open?"}}]})
    assert found.dropped == {"defaultTest (another file, not loaded)": 1}


def test_lists_of_texts_make_one_case_per_combination() -> None:
    document = {"tests": [{"vars": {"question": ["A in {{place}}?", "B in {{place}}?"], "place": ["Bonn", "Ulm"]}}]}
    assert [r[0] for r in rows(document)] == ["A in Bonn?", "A in Ulm?", "B in Bonn?", "B in Ulm?"]


@pytest.mark.parametrize(
    "test",
    [
        {"vars": {"messages": [{"role": "user", "content": "Open?"}]}},
        {"vars": {"question": "Open?", "tags": [1, 2]}},
        {"vars": {"question": "Open?", "tags": ["a", "b"]}, "options": {"disableVarExpansion": True}},
    ],
)
def test_other_lists_are_one_value(test: Any) -> None:
    assert [r[0] for r in rows([test])] == ["Open?"]


def test_lists_that_stand_for_too_many_cases_are_set_aside() -> None:
    values = [str(n) for n in range(40)]
    (bad,) = read([{"vars": {"a": values, "b": values, "question": "Open?"}}]).rejected
    assert f"{MAX_COMBINATIONS:,} cases" in bad.reason


def test_a_scenario_is_every_test_with_every_row_of_its_data() -> None:
    document = {
        "defaultTest": {"assert": [rubric("is kind")]},
        "tests": [{"vars": {"question": "Open?"}}],
        "scenarios": [
            {
                "config": [{"vars": {"place": "Bonn"}}, {"vars": {"place": "Ulm"}}],
                "tests": [{"vars": {"question": "A in {{place}}?"}}, {"vars": {"question": "B in {{place}}?"}}],
            },
            {"config": [{"vars": {"question": "C?"}}]},
            "file://more.yaml",
        ],
    }
    found = read(document)
    assert [r.row["input"] for r in found.rows] == ["Open?", "A in Bonn?", "B in Bonn?", "A in Ulm?", "B in Ulm?", "C?"]
    assert {r.row["criteria"] for r in found.rows} == {"is kind"}
    assert ["not loaded" in r.reason for r in found.rejected] == [True]


def test_a_file_of_scenarios_only_is_read() -> None:
    scenario = {"config": [{"vars": {"q": "Open?"}}], "tests": [{"assert": [rubric("is kind")]}]}
    assert rows({"prompts": ["{{q}}"], "scenarios": [scenario]}) == [("Open?", "is kind", None)]


def test_references_within_the_file_are_resolved_and_others_are_reported() -> None:
    document = {
        "assertionTemplates": {"kind": rubric("is kind"), "both": {"$ref": "#/assertionTemplates/kind"}},
        "tests": [
            {"vars": {"q": "Open?"}, "assert": [{"$ref": "#/assertionTemplates/both"}, {"$ref": "#/nowhere"}]},
            {"vars": {"q": "Shut?"}, "assert": [{"$ref": "#/assertionTemplates/kind", "value": "is short"}]},
        ],
    }
    assert rows(document) == [("Open?", "is kind", None), ("Shut?", "is short", None)]
    assert read(document).dropped == {"assert $ref #/nowhere (not found in the file)": 1}


def test_references_that_lead_to_each_other_or_stand_for_billions_come_to_an_end() -> None:
    circle = {
        "a": {"$ref": "#/b"},
        "b": {"$ref": "#/a"},
        "tests": [{"vars": {"q": "Open?"}, "assert": [{"$ref": "#/a"}]}],
    }
    assert rows(circle) == [("Open?", None, None)]
    levels = {f"l{n}": [{"$ref": f"#/l{n - 1}"}] * 9 for n in range(1, 12)}
    (bad,) = read({"l0": "x", **levels, "tests": [{"vars": {"q": "Open?"}, "assert": [{"$ref": "#/l11"}]}]}).rejected
    assert "references" in bad.reason


@pytest.mark.parametrize("tests", ["file://tests.csv", "tests.yaml", {"path": "make.py"}])
def test_tests_in_another_file_are_reported(tests: Any) -> None:
    (bad,) = read({"prompts": ["x"], "providers": ["echo"], "tests": tests}).rejected
    assert "not loaded" in bad.reason


def test_a_file_among_the_tests_is_reported_and_costs_no_other_test() -> None:
    found = read(["file://more.yaml", {"vars": {"q": "Open?"}}])
    assert [r.row["input"] for r in found.rows] == ["Open?"]
    assert ["not loaded" in r.reason for r in found.rejected] == [True]


@pytest.mark.parametrize(
    ("test", "dropped"),
    [
        ({"options": {"transform": "output.trim()"}}, "options.transform (not run)"),
        ({"assert": [{**rubric("is kind"), "transform": "x"}]}, "assert llm-rubric.transform (not run)"),
        ({"assert": [{**rubric("is kind"), "threshold": 0.8}]}, "assert llm-rubric.threshold"),
        ({"provider": "openai:gpt-5"}, "provider"),
        ({"threshold": 0.5}, "threshold"),
    ],
)
def test_what_is_not_run_or_kept_is_named(test: Any, dropped: str) -> None:
    assert read([{"vars": {"q": "Open?"}, **test}]).dropped == {dropped: 1}


def test_options_of_the_default_test_are_named() -> None:
    document = {"defaultTest": {"options": {"transform": "x"}, "threshold": 1}, "tests": [{"vars": {"q": "Open?"}}]}
    assert read(document).dropped == {"defaultTest.threshold": 1, "defaultTest.options.transform (not run)": 1}


def test_the_question_is_the_variable_with_a_usual_name_and_the_others_are_variables() -> None:
    found = read([{"vars": {"language": "French", "text": "Good day"}}])
    (row,) = found.rows
    assert (row.row["input"], row.row["variables"], found.dropped) == ("Good day", {"language": "French"}, {})


def test_of_several_variables_without_a_usual_name_the_prompt_says_what_is_asked() -> None:
    document = {
        "prompts": ["Put {{body}} into {{language}}."],
        "tests": [{"vars": {"language": "French", "body": "hello"}}],
    }
    assert rows(document) == [("Put hello into French.", None, None)]
    chat = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "{{a}} and {{b}}?"}]
    found = read({"prompts": [json.dumps(chat)], "tests": [{"vars": {"a": "x", "b": "y"}}]})
    assert [r.row["input"] for r in found.rows] == ["x and y?"] and found.dropped == {"a system prompt": 1}


@pytest.mark.parametrize("prompts", [[], ["prompt1.txt"], ["A {{a}}", "B {{b}}"]])
def test_without_such_a_prompt_the_test_is_set_aside_rather_than_guessed(prompts: list[str]) -> None:
    (bad,) = read({"prompts": prompts, "tests": [{"vars": {"a": "x", "b": "y"}}]}).rejected
    assert "which of the variables a, b" in bad.reason
