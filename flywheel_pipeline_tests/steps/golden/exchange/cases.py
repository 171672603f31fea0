"""Golden cases of every kind, for the tests of the exchange: hostile, empty, long conversations, with documents."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from flywheel_pipeline.records import CRITERIA_KINDS, GoldenCase, Json
from flywheel_pipeline.steps.golden.cases import content_id
from flywheel_pipeline.steps.golden.exchange.format import Format
from flywheel_pipeline.steps.golden.exchange.formats import FORMATS
from flywheel_pipeline.steps.golden.split import split_of
from flywheel_pipeline_tests.builders import a_case

BY_NAME: dict[str, Format] = {f.name: f for f in FORMATS}

HOSTILE = (
    "{{ env.CANARY }}", "{{7*7}}", "{% raw %}{{ input }}{% endraw %}", "{% for x in range(9) %}x{% endfor %}",
    "{# gone #}", "#}", "{#}", "{{", "%}", "{#\u2060}", "{\u2060{ input }}", "{{{a}}}", "\\{{ x }}", "\\u007b{",
    "file:///etc/passwd", "FILE\u2060://x", " file://a.js", "package:x:y", "python: print(1)", "llm-rubric:x",
    "javascript:process.exit()", "equals: x", "is-json", "=1+1", "'=1", "+49", "-", "@SUM(A1)", "\t=1", "\r\nx",
    "ＳＵＭ 😀", '"', '""', '"quoted", yes;\tno', "a\rb", "x\n", "\x85\u2028\ufeff", "&a *a",
    "!!python/object/apply:os.system [ls]", "yes", "null", "1e3", "0o17", "2024-01-01", "<<", "~", "[1, 2]", "[]",
    '{"$ref": "file:///etc/passwd"}',
    "[DEEPEVAL:IMAGE:x]",
)  # fmt: skip
"""Texts that some tool calculates, loads, runs or reads as something else than text."""


def a_real_case(messages: list[dict[str, Any]] | None = None, **changes: Any) -> GoldenCase:
    """A case whose id, question and split follow from the rest, as they do in a golden set."""
    said = messages or [{"role": "user", "content": changes.get("input", "Is there a student discount?")}]
    kind = changes.get("kind", "failure")
    family = changes.get("family", "f-1")
    values = {
        "case_id": content_id(kind, said), "input": said[-1]["content"],
        "messages": as_json(said), "split": split_of(family), **changes,
    }  # fmt: skip
    return a_case(**values)


texts = st.sampled_from(HOSTILE) | st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
asked = texts.filter(lambda t: bool(t.strip()))
plain_messages = st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": texts})
CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"q": "{{x}}"}'}}
EXPECTED_CALL = {"name": "find", "arguments": {"q": "{{x}}"}}
calls = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.none() | texts,
     "tool_calls": st.just([CALL])}
)  # fmt: skip
results = st.fixed_dictionaries({"role": st.just("tool"), "content": texts, "tool_call_id": st.just("c1")})
conversations = st.tuples(
    st.lists(plain_messages | calls | results, max_size=2),
    st.fixed_dictionaries({"role": st.just("user"), "content": asked}),
).map(lambda parts: [*parts[0], parts[1]])  # fmt: skip
documents = st.lists(
    st.fixed_dictionaries({"id": texts, "content": texts, "score": st.none() | st.floats(0, 1)}), max_size=2
)


def as_json(value: Any) -> Json:
    """JSON text as a golden set holds it."""
    return Json(json.dumps(value, ensure_ascii=False))


@st.composite
def golden_cases(draw: st.DrawFn) -> GoldenCase:
    """Any case that a golden set may hold."""
    return a_real_case(
        draw(conversations), kind=draw(st.sampled_from(["failure", "happy_path", "synthetic"])),
        mode_id=draw(st.none() | texts), context=as_json(draw(documents)),
        reference=draw(st.none() | texts), criteria=draw(st.none() | texts),
        expected_doc_ids=draw(st.none() | st.lists(texts, max_size=2).map(as_json)),
        criteria_kind=draw(st.sampled_from(CRITERIA_KINDS)),
        reference_alternatives=draw(st.none() | st.lists(texts, min_size=1, max_size=2).map(as_json)),
        variables=draw(st.none() | st.dictionaries(asked, texts, min_size=1, max_size=2).map(as_json)),
        expected_tool_calls=draw(st.none() | st.lists(st.just(EXPECTED_CALL), max_size=2).map(as_json)),
        observed_output=draw(st.none() | texts), family=draw(st.sampled_from(["f-1", "f-2", "f-3", "f-4"])),
        source_trace_id=draw(st.none() | asked), added_in=draw(texts),
    )  # fmt: skip
