"""Who gave a verdict: a person, a model, a program, an API, or nobody that can be read."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_pipeline.steps.annotate import read_labels
from flywheel_pipeline.steps.annotate.sources import kind_in, kind_of, kind_of_name, person_in, read_literal


@pytest.mark.parametrize(
    ("kind", "sources"),
    [
        ("HUMAN", "HUMAN human-review ANNOTATION app ui Expert manual mira@example.com {'type':'app'} human_judge"),
        ("LLM", "LLM LLM_JUDGE AI_JUDGE EVAL model auto_eval gpt-4o-mini claude-3-5-sonnet online_scoring o3-mini"),
        ("LLM", "{'type':'model'} {'source_type':'LLM_JUDGE'}"),
        ("CODE", "CODE heuristic rule:length regex system automated {'type':'rule'}"),
        ("API", "API sdk {'type':'api'}"),
        (None, "SOURCE_TYPE_UNSPECIFIED web ? None 1 {} [] {'type':1} {'type':'mod human+gpt-4 end_user customer"),
    ],
)  # fmt: skip
def test_a_source_is_who_it_names_or_nobody(kind: str | None, sources: str) -> None:
    assert {s: kind_of(s) for s in sources.split()} == dict.fromkeys(sources.split(), kind)


def test_objects_and_empty_sources() -> None:
    assert kind_of({"source_type": "HUMAN", "source_id": "mira"}) == "HUMAN"
    assert kind_of({"annotatorKind": "LLM"}) == "LLM"
    assert kind_of(None) is kind_of("") is kind_of({"metadata": {"type": "app"}}) is None
    assert kind_of("Orlando", {"orlando"}) == "HUMAN" and kind_of("Orlando") is None


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (
            "HUMAN",
            ["Mira", "reviewer-2", "7", "expert", "mira@ai.example.com", "Evan Rule-Smith-Jones"[:4], "Grace", ""],
        ),
        (
            "LLM",
            [
                "gpt-4o",
                "LLM judge",
                "claude-3-opus",
                "openai/gpt-4o-mini",
                "bot",
                "my-llm-judge",
                "Gemini 2.5 Pro",
                "grok-3",
                "phi-4",
            ],
        ),
        ("CODE", ["auto", "rule"]),
        (
            None,
            [
                "Claude",
                "Ai Weiwei",
                "correctness_judge",
                "Mira (model team)",
                "system admin",
                "Opus",
                "kimi-k2",
                "langfuse-eval",
            ],
        ),
    ],
)
def test_a_name_is_a_person_s_a_model_s_or_doubtful(kind: str | None, names: list[str]) -> None:
    assert {n: kind_of_name(n) for n in names} == dict.fromkeys(names, kind)
    assert kind_of_name("Claude", {"claude"}) == "HUMAN"


def test_a_literal_is_parsed_and_never_evaluated() -> None:
    assert read_literal("{'a': None, 'b': [1]}") == {"a": None, "b": [1]}
    assert read_literal('{"a": true}') == {"a": True}
    assert read_literal("{'id': UUID('1234-ab'), 'at': datetime.datetime(2025, 1, 2), 'n': nan}") == {
        "id": "1234-ab", "at": None, "n": None,
    }  # fmt: skip
    for text in (
        "{'a': __import__('os')}",
        "[f(1)]",
        "{'a': 'b'",
        "[" * 5000 + "]" * 5000,
        "[" + "-" * 9000 + "1]",
        "plain",
    ):
        assert read_literal(text) == text
    assert read_literal("[" + "1," * 40_000 + "]") == "[" + "1," * 40_000 + "]"


def test_a_person_is_named_before_being_numbered() -> None:
    assert person_in("{'type': 'app', 'user_id': 'u1', 'user_name': 'Mira'}") == "Mira"
    assert person_in({"type": "app", "user_id": "u1", "user_name": None}) == "u1"
    assert person_in("app") is None


@given(st.text() | st.text("[]{}()'\"-+:,1a", max_size=200))
def test_no_text_stops_the_reader_of_sources(text: str) -> None:
    assert kind_of(text) in ("HUMAN", "LLM", "CODE", "API", None)
    assert kind_of_name(text) in ("HUMAN", "LLM", "CODE", "API", None)
    assert sys.getrecursionlimit() >= 1000


@pytest.mark.parametrize(
    ("column", "cell", "kind"),
    [
        ("is_human", "TRUE", "HUMAN"), ("is_human", "false", "LLM"), ("by_llm", "yes", "LLM"),
        ("is_automated", 0, "HUMAN"), ("is_human", "maybe", None), ("is_human", "gpt-4o", "LLM"),
        ("source", "true", None),
    ],
)  # fmt: skip
def test_a_column_that_says_by_yes_or_no_who_judged(column: str, cell: object, kind: str | None) -> None:
    assert kind_in(column, cell) == kind


def test_a_verdict_that_no_human_gave_is_no_annotation() -> None:
    read = read_labels("a.csv", b"trace_id,verdict,comment,is_human\nt1,fail,wrong,FALSE\nt2,fail,wrong,TRUE\n")
    assert [a.trace_id for a in read.annotations] == ["t2"]
    assert [s.trace_id for s in read.scores] == ["t1"]
