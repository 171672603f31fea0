from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_pipeline.records import Feedback
from flywheel_pipeline.steps.capture.formats.common import Source
from flywheel_pipeline.steps.capture.formats.otel.attributes import RawSpan, items_of, resource_of
from flywheel_pipeline.steps.capture.formats.otel.span_events import HANDLERS, MESSAGE_EVENTS
from flywheel_pipeline.steps.capture.semconv import NAMES, TAGS
from flywheel_pipeline.steps.capture.spans import Span, Unreadable
from flywheel_pipeline_tests.conftest import REPO

COVERS = (
    "steps/capture/formats/otel/annotations.py",
    "steps/capture/formats/otel/decode.py",
    "steps/capture/formats/otel/documents.py",
    "steps/capture/formats/otel/role_keyed.py",
    "steps/capture/formats/otel/span_events.py",
)

SOURCE = Source("spans.jsonl", 3, "shop")
TRACE, SPAN = "a" * 32, "b" * 16
VERTEX = REPO.parent / "shared" / "data" / "formats" / "litellm" / "langfuse_otel_span_vertex.json"


def of(attributes: dict[str, Any], **more: Any) -> Span:
    span = next(items_of(RawSpan(TRACE, SPAN, attributes=attributes, **more), SOURCE))
    assert isinstance(span, Span)
    return span


def user(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def call(name: str, arguments: str, call_id: str = "") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize(
    "attributes",
    [
        {
            "retrieval.documents.0.document.id": 7,
            "retrieval.documents.0.document.content": "Text",
            "retrieval.documents.0.document.score": 0.5,
            "retrieval.documents.0.document.metadata": '{"title": "T"}',
        },
        {"gen_ai.retrieval.documents": '[{"id": "7", "title": "T", "content": "Text", "score": 0.5}]'},
        {"output.value": '{"documents": [{"id": "7", "page_content": "Text", "score": "0.5", "title": "T"}]}'},
    ],
)
def test_retrieved_documents_are_kept(attributes: dict[str, Any]) -> None:
    span = of({"openinference.span.kind": "RETRIEVER", "input.value": "q", **attributes})
    assert (span.kind, span.input) == ("retriever", "q")
    assert span.documents == [{"id": "7", "title": "T", "content": "Text", "score": 0.5}]


@pytest.mark.parametrize(
    ("attributes", "more", "error"),
    [
        ({}, {"failed": True, "status_message": "bad gateway"}, "bad gateway"),
        ({}, {"failed": True}, "error"),
        ({"error.type": "Timeout", "error.message": "after 5 s"}, {}, "Timeout: after 5 s"),
        ({}, {"failed": True, "events": [("exception", {"exception.type": "E", "exception.message": "no"})]}, "E: no"),
        ({}, {"failed": False, "events": [("exception", {"exception.message": "retried"})]}, None),
        ({}, {"failed": False, "status_message": "fine"}, None),
    ],
)
def test_an_error_is_reported_unless_the_step_recovered(
    attributes: dict[str, Any], more: dict[str, Any], error: str | None
) -> None:
    assert of(attributes, **more).error == error


@pytest.mark.parametrize(
    "events",
    [
        [
            ("gen_ai.system.message", {"content": "S"}),
            ("gen_ai.user.message", {"content": "Hi"}),
            ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": '{"content": "Yo"}'}),
        ],
        [
            ("gen_ai.system.message", {"gen_ai.event.content": '{"role": "system", "content": "S"}'}),
            ("gen_ai.user.message", {"gen_ai.event.content": '{"role": "user", "content": "Hi"}'}),
            ("gen_ai.choice", {"gen_ai.event.content": '{"index": 0, "message": {"content": "Yo"}}'}),
        ],
        [
            (
                "gen_ai.client.inference.operation.details",
                {
                    "gen_ai.system_instructions": [{"type": "text", "content": "S"}],
                    "gen_ai.input.messages": [user("Hi")],
                    "gen_ai.output.messages": [assistant("Yo")],
                },
            )
        ],
        [
            ("data.input", {"input": ['{"system": "S"}', '{"user": "Hi"}']}),
            ("data.output", {"response": '{"assistant": "Yo"}'}),
        ],
    ],
)
def test_a_conversation_in_events_is_found(events: list[tuple[str, dict[str, Any]]]) -> None:
    span = of({"gen_ai.operation.name": "chat"}, events=events)
    assert span.messages == [{"role": "system", "content": "S"}, user("Hi")]
    assert span.reply == [assistant("Yo")]
    assert span.n_dropped == 0


def scores_of(raw: RawSpan) -> list[tuple[Any, ...]]:
    rows = [i for i in items_of(raw, SOURCE) if isinstance(i, Feedback)]
    return [(r.trace_id, r.name, r.given_by, r.value, r.label, r.score, r.comment, r.n_rows) for r in rows]


def test_only_what_a_user_said_of_a_span_is_the_user_s() -> None:
    attributes = {
        "input.value": "q",
        "annotations.0.annotation.name": "user_feedback",
        "annotations.0.annotation.label": "thumbs-down",
        "annotations.0.annotation.explanation": "Wrong city",
        "annotations.0.annotation.annotator_kind": "HUMAN",
        "annotations.1.annotation.name": "relevance",
        "annotations.1.annotation.score": 0.9,
        "annotations.1.annotation.annotator_kind": "LLM",
        "annotations.2.annotation.name": "correctness",
        "annotations.2.annotation.label": "incorrect",
        "annotations.2.annotation.annotator_kind": "HUMAN",
    }
    event = ("gen_ai.evaluation.result", {"gen_ai.evaluation.name": "f1", "gen_ai.evaluation.score.value": 0.5})
    assert scores_of(RawSpan(TRACE, SPAN, attributes=attributes, events=[event])) == [
        (TRACE, "user_feedback", "user", None, "thumbs-down", 0.0, "Wrong city", 0),
        (TRACE, "relevance", "model", 0.9, None, None, None, 0),
        (TRACE, "correctness", "annotator", None, "incorrect", 0.0, None, 0),
        (TRACE, "f1", "script", 0.5, None, None, None, 0),
    ]


CARRIER = RawSpan(
    "c" * 32,
    "d" * 16,
    name="feedback",
    started_at=datetime(2026, 11, 1, 12),
    links=[(TRACE, SPAN)],
    attributes={
        "openinference.span.kind": "EVALUATOR",
        "evaluations.0.evaluation.name": "user_rating",
        "evaluations.0.evaluation.score": 1,
        "evaluations.0.evaluation.explanation": "Just right",
        "evaluations.0.evaluation.annotator_kind": "HUMAN",
    },
)


def test_a_carrier_of_feedback_is_about_the_trace_that_it_links_to() -> None:
    assert scores_of(CARRIER) == [(TRACE, "user_rating", "user", 1.0, None, None, "Just right", 1)]


def test_a_judge_s_verdict_is_never_the_user_s() -> None:
    judged = {**CARRIER.attributes, "evaluations.0.evaluation.annotator_kind": "LLM"}
    raw = RawSpan("c" * 32, "d" * 16, links=[(TRACE, SPAN)], attributes=judged)
    assert scores_of(raw) == [(TRACE, "user_rating", "model", 1.0, None, None, "Just right", 1)]


def test_a_carrier_that_says_nothing_is_reported() -> None:
    raw = RawSpan("c" * 32, "d" * 16, links=[(TRACE, SPAN)], attributes={"evaluations.0.evaluation.name": "x"})
    (item,) = items_of(raw, SOURCE)
    assert isinstance(item, Unreadable) and "neither score nor comment" in item.reason


def test_the_process_tells_app_and_environment() -> None:
    assert resource_of(
        {"service.name": "shop", "deployment.environment.name": "prod", "service.version": "1.2", "host.name": "h"}
    ) == ("shop", {"environment": "prod", "release": "1.2"})
    assert resource_of({"service.name": "unknown_service:python", "openinference.project.name": "p"}) == ("p", {})
    assert resource_of({"service.name": 5}) == (None, {})


def test_attributes_of_the_app_itself_are_tags_as_long_as_they_are_few_and_short() -> None:
    span = of({"shop.region": "eu", "shop.page": "x" * 300, "gen_ai.request.seed": 5, "shop.empty": ""})
    assert (span.tags, span.n_dropped) == ({"shop.region": "eu"}, 2)
    many = of({f"shop.{i}": i + 1 for i in range(50)})
    assert (len(many.tags), many.n_dropped) == (20, 30)


def test_texts_can_be_stored() -> None:
    span = of({"gen_ai.operation.name": "chat", "gen_ai.input.messages": [user("a\x00b\ud800")], "user.id": "\x00"})
    assert span.messages == [user("a�b?")]
    assert span.tags == {"user_id": "�"}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["{", '[{"role": 1}]']),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "0", "message", "id", "type", "parts", "name"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
names = st.sampled_from(sorted({n for names in NAMES.values() for n in names} | set(TAGS)))
indexed = st.builds("{}.0.{}".format, names, st.sampled_from(["message.role", "message", "content", "annotation.name"]))
events = st.sampled_from(sorted([*HANDLERS, *MESSAGE_EVENTS, "other"]))
bodies = st.dictionaries(
    st.sampled_from(["content", "message", "input", "response", "role", "gen_ai.event.content", "tool_calls"]),
    json_values,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(names | indexed, json_values, max_size=8), st.lists(st.tuples(events, bodies), max_size=3))
def test_no_value_at_any_name_is_ever_a_crash(attributes: dict[str, Any], reported: list[tuple[str, Any]]) -> None:
    raw = RawSpan(TRACE, SPAN, attributes=attributes, events=reported, links=[(TRACE, "")])
    for item in items_of(raw, SOURCE):
        assert isinstance(item, Span | Feedback | Unreadable)
        if isinstance(item, Span):
            json.dumps(item.as_dict()).encode()
            assert all(isinstance(m["content"], str) for m in [*item.messages, *item.reply])


@pytest.mark.skipif(not VERTEX.exists(), reason="the real files are not part of the project")
def test_a_real_span_of_litellm_for_langfuse() -> None:
    record = json.loads(VERTEX.read_text())
    span = of(record["attributes"], name=record["name"])
    assert (span.kind, span.model) == ("llm", "gemini-2.0-flash-001")
    assert (span.input_tokens, span.output_tokens, span.cost_usd) == (10, 10, 7.5e-06)
    assert span.messages == [user("Hello!")]
    assert span.tags == {"trace_name": "litellm-acompletion"}


SPEC = REPO.parent / "shared" / "data" / "formats" / "otel-semconv-docs" / "examples-llm-calls.md"


@pytest.mark.skipif(not SPEC.exists(), reason="the real files are not part of the project")
def test_the_examples_of_the_specification_are_conversations() -> None:
    blocks = re.findall(r"`(gen_ai\.\w+[.\w]*)` value</span>\s*```json\n(.*?)```", SPEC.read_text(), re.DOTALL)
    assert len(blocks) > 10
    for name, value in blocks:
        span = of({"gen_ai.operation.name": "chat", name: value})
        if name.endswith("tool.definitions"):
            assert not span.messages and not span.reply
            continue
        made = span.reply if name == "gen_ai.output.messages" else span.messages
        assert made and all(m["content"] or m.get("tool_calls") for m in made), (name, made)
        assert name != "gen_ai.system_instructions" or [m["role"] for m in made] == ["system"]


def test_an_indexed_name_of_a_plain_field_is_not_that_field() -> None:
    assert of({"operation.name.0.x": "chat", "session.id.0.a": "b"}).kind == "other"
    assert of({"session.id.0.a": "b"}).session_id is None
