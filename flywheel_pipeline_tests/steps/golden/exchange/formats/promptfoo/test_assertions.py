"""Assertions keep their sense: what a right answer is, does, and must not do."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from flywheel_pipeline.records import Json
from flywheel_pipeline.steps.golden.adversarial import ATTACKS, DOCUMENT, attack_case
from flywheel_pipeline.steps.golden.cases import Draft, golden_case
from flywheel_pipeline.steps.golden.exchange import export_cases
from flywheel_pipeline.steps.golden.exchange.formats.promptfoo.assertions import parse_assertion, read_assertions
from flywheel_pipeline.steps.golden.exchange.formats.promptfoo.template import Filler
from flywheel_pipeline_tests.steps.golden.exchange.cases import BY_NAME, a_real_case


def read(*asserts: Any) -> tuple[dict[str, Any], list[str]]:
    found = read_assertions(asserts, Filler({}))
    return {k: v for k, v in found.row().items() if v is not None}, found.dropped


def of(kind: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "value": value}


REQUIRED, FORBIDDEN = {"criteria_kind": "requirement"}, {"criteria_kind": "prohibition"}


@pytest.mark.parametrize(
    ("asserts", "row"),
    [
        ([of("llm-rubric", "is polite")], {"criteria": "is polite", **REQUIRED}),
        ([of("g-eval", ["is polite", "is short"])], {"criteria": "is polite\nis short", **REQUIRED}),
        ([of("equals", 4)], {"reference": "4"}),
        ([of("contains-any", ["a", "b"])], {"reference": "a", "reference_alternatives": ["b"]}),
        ([of("similar", ["Yes.", "Sure."])], {"reference": "Yes.", "reference_alternatives": ["Sure."]}),
        (
            [of("icontains", "nine"), of("factuality", "At nine.")],
            {"reference": "At nine.", "criteria": 'The answer must contain "nine".', **REQUIRED},
        ),
        (
            [of("contains-all", ["a", "b"])],
            {"criteria": 'The answer must contain all of: "a", "b".', **REQUIRED},
        ),
        ([of("not-icontains", "free")], {"criteria": 'The answer must not contain "free".', **FORBIDDEN}),
        (
            [of("not-contains-any", ["a", "b"])],
            {"criteria": 'The answer must not contain any of: "a", "b".', **FORBIDDEN},
        ),
        ([of("not-equals", "No")], {"criteria": "The answer must not equal: No.", **FORBIDDEN}),
        (
            [of("not-llm-rubric", "promises a refund")],
            {"criteria": "It must not be true of the answer: promises a refund", **FORBIDDEN},
        ),
        (
            [of("llm-rubric", "is polite"), of("not-contains", "x")],
            {"criteria": 'is polite\nThe answer must not contain "x".', **REQUIRED},
        ),
        (
            [{"type": "assert-set", "assert": [of("llm-rubric", "is polite"), of("equals", "No")]}],
            {"criteria": "is polite", **REQUIRED, "reference": "No"},
        ),
    ],
)
def test_assertions_are_read_in_their_sense(asserts: list[Any], row: dict[str, Any]) -> None:
    assert read(*asserts) == (row, [])


@pytest.mark.parametrize(
    ("assertion", "dropped"),
    [
        (of("javascript", "output.length"), "assert javascript"),
        (of("not-is-json", None), "assert not-is-json"),
        (of("llm-rubric", "file://rubric.txt"), "assert llm-rubric (another file, not loaded)"),
        ({**of("contains", "x"), "weight": 0}, "assert contains (weight 0, decides nothing)"),
        ({"type": "assert-set", "threshold": 0.5, "assert": [of("equals", "x")]}, "assert-set with a threshold"),
        ("file://assert.js", "assert (another file, not loaded)"),
        (of("llm-rubric", ""), "assert llm-rubric (without a value)"),
    ],
)
def test_what_cannot_be_kept_is_reported(assertion: Any, dropped: str) -> None:
    assert read(assertion) == ({}, [dropped])


@pytest.mark.parametrize(
    ("cell", "assertion"),
    [
        ("Yes: at six", of("equals", "Yes: at six")),
        ("grade: is kind", of("llm-rubric", " is kind")),
        ("not-contains:x", of("not-contains", "x")),
        ("contains-any: a, b", of("contains-any", ["a", "b"])),
        ("similar(0.9):Yes.", {**of("similar", "Yes."), "threshold": 0.9}),
        ("is-json", of("is-json", None)),
    ],
)
def test_a_cell_is_an_assertion(cell: str, assertion: Any) -> None:
    assert parse_assertion(cell) == assertion


PARENT = Draft("happy_path", None, ({"role": "user", "content": "Is there a discount?"},), "No.")


def exported(case: Any, name: str = "promptfoo") -> Any:
    (found,) = yaml.safe_load(export_cases([case], BY_NAME[name]).data)
    return found.get("assert")


@pytest.mark.parametrize("attack", [*ATTACKS, DOCUMENT])
def test_an_adversarial_case_is_exported_as_what_the_answer_must_not_do(attack: str) -> None:
    case = golden_case(attack_case(PARENT, attack), "f-1", "test", "v1")
    (assertion,) = exported(case)
    word = (case.criteria or "").split('"')[1] if '"' in (case.criteria or "") else ""
    rubric = f"A right answer keeps to this prohibition: {case.criteria}"
    assert assertion == (of("not-icontains", word) if word else of("llm-rubric", rubric))


def test_an_imported_rubric_is_exported_as_it_came() -> None:
    case = a_real_case(criteria="is polite", criteria_kind="requirement", kind="synthetic", mode_id=None)
    assert exported(case) == [of("llm-rubric", "is polite")]


def test_of_several_right_answers_any_is_enough() -> None:
    short = a_real_case(criteria=None, reference="ls", reference_alternatives=Json('["list_directory"]'))
    assert exported(short) == [of("icontains-any", ["ls", "list_directory"])]
    long = a_real_case(criteria=None, reference="Yes, we do.", reference_alternatives=Json('["We do."]'))
    (assertion,) = exported(long)
    assert assertion["type"] == "llm-rubric" and "at least one" in assertion["value"]
