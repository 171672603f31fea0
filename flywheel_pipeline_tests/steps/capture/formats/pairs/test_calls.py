"""Calls of model APIs, in all forms in which they are logged, column by column."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flywheel_pipeline.steps.capture.formats.pairs.templates import messages_in_prompt
from flywheel_pipeline_tests.steps.capture.formats import samples
from flywheel_pipeline_tests.steps.capture.formats.samples import CALLS, QUESTION, REPLY, SYSTEM, TURNS, pair
from flywheel_pipeline_tests.steps.capture.formats.test_exports import NOON, read, the_trace

COVERS = (
    "steps/capture/formats/pairs/__init__.py",
    "steps/capture/formats/pairs/anthropic.py",
    "steps/capture/formats/pairs/bedrock.py",
    "steps/capture/formats/pairs/cohere.py",
    "steps/capture/formats/pairs/exchange.py",
    "steps/capture/formats/pairs/gemini.py",
    "steps/capture/formats/pairs/ollama.py",
    "steps/capture/formats/pairs/openai.py",
    "steps/capture/formats/pairs/templates.py",
)

MODELS = {"anthropic": "cl-2-b", "gemini": "gem-9", "ollama": "la-3", "cohere": "co-1", "bedrock": "maker.model-9"}
WITHOUT_SYSTEM = ("bedrock Titan",)
OPENAI = {"choices": [{"index": 0, "message": {"role": "assistant", "content": REPLY}}], "model": "m-1"}
ASKED = {"model": "m-1", "messages": TURNS}


@pytest.mark.parametrize(
    ("name", "form", "record"), [pytest.param(*c, id=" ".join(c[:2])) for c in samples.all_calls()]
)
def test_a_call_is_the_exchange_that_a_person_sees_in_it(name: str, form: str, record: dict[str, Any]) -> None:
    trace = the_trace(read(record))
    assert (trace.source_format, trace.input, trace.output, trace.model) == (name, QUESTION, REPLY, MODELS[name])
    assert (trace.started_at, trace.input_tokens, trace.output_tokens, trace.n_turns) == (NOON, 21, 6, 1)
    first = json.loads(trace.messages)[0]
    if f"{name} {form}" not in WITHOUT_SYSTEM:
        assert (first["role"], first["content"]) == ("system", SYSTEM)
    assert trace.latency_ms == (1500 if name == "ollama" else None)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_names_its_trace_is_a_step_of_it(name: str) -> None:
    record = next(iter(CALLS[name].values()))
    first, last = {**record, "trace_id": "t-1", "id": "a"}, {**record, "trace_id": "t-1", "id": "b", "requestId": "b"}
    trace = the_trace(read(first, last))
    assert (trace.trace_id, trace.n_rows, trace.input_tokens, trace.output) == ("t-1", 2, 42, REPLY)


@pytest.mark.parametrize(
    "response",
    [
        REPLY,
        ["Yes, ", "at nine."],
        {"status": 200, "body": OPENAI},
        {"status": 200, "body": json.dumps(OPENAI)},
        {"status": 200, "body": REPLY},
        {"status": 200, "body": samples.events({"choices": [{"index": 0, "delta": {"content": REPLY}}]})},
        [{"role": "assistant", "content": REPLY}],
        [{"role": "assistant", "content": "One moment."}, {"role": "assistant", "content": REPLY}],
        [{"type": "text", "text": REPLY}],
        [OPENAI],
        {"message": {"role": "assistant", "content": REPLY}},
        {"answer": REPLY},
        samples.events(*({"object": "chat.completion.chunk", "model": "m-1", "choices": [{"index": 0, "delta": {"content": c}}]}
                         for c in ("Yes, ", "at nine."))) + "data: [DONE]\n\n",
        [f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': c}}]})}\n\n" for c in ("Yes, ", "at nine.")],
        {"choices": [{"index": 1, "message": {"role": "assistant", "content": "No."}}, *OPENAI["choices"]]},
        {"choices": [{"index": 0, "text": REPLY}], "object": "text_completion"},
    ],
)  # fmt: skip
def test_a_response_may_be_text_or_a_stream_and_of_several_answers_the_first_counts(response: Any) -> None:
    trace = the_trace(read(pair(ASKED, response)))
    assert (trace.source_format, trace.input, trace.output, trace.model) == ("openai", QUESTION, REPLY, "m-1")


@pytest.mark.parametrize("response", [None, {}, {"status_code": 500}, {"choices": []}, {"usage": {"prompt_tokens": 3}}])
def test_a_response_without_an_answer_is_none(response: Any) -> None:
    trace = the_trace(read(pair(ASKED, response)))
    assert (trace.source_format, trace.input, trace.output) == ("openai", QUESTION, None)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (samples.logged("InvokeModel", {"inputText": QUESTION}, {"embedding": [0.1], "inputTextTokenCount": 3}), "embedding"),
        (samples.logged("InvokeModel", {"taskType": "TEXT_IMAGE"}, {"images": []}), "not known (keys taskType)"),
        ({**samples.logged("Converse", {}, {}), "input": {"inputBodyS3Path": "s3://b/k"}}, "s3://b/k"),
    ],
)  # fmt: skip
def test_calls_without_a_conversation_are_rejected_with_the_reason(record: dict[str, Any], reason: str) -> None:
    captured = read(record)
    (reject,) = captured.rejects
    assert reason in reject.reason and captured.traces == []


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (pair(samples.CLAUDE_REQUEST, {"type": "error", "error": {"type": "overloaded", "message": "Try later"}}), "Try later"),
        (pair(samples.GEMINI_REQUEST, {"promptFeedback": {"blockReason": "SAFETY"}}), "blocked: SAFETY"),
        (pair(ASKED, {"error": {"message": "quota"}}), "quota"),
        (samples.logged("Converse", {"messages": samples.BLOCKS}, None, errorCode="Throttled"), "Throttled"),
    ],
)  # fmt: skip
def test_a_call_that_failed_keeps_its_question_and_the_error(record: dict[str, Any], error: str) -> None:
    trace = the_trace(read(record))
    assert (trace.input, trace.output, trace.error) == (QUESTION, None, error)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n",
         [("system", SYSTEM), ("user", QUESTION)]),
        (samples.LLAMA, [("system", SYSTEM), ("user", QUESTION)]),
        ("<s>[INST] Hi [/INST] Hello.</s>[INST] And now? [/INST]", [("user", "Hi"), ("assistant", "Hello."), ("user", "And now?")]),
        (f"{SYSTEM}\n\nHuman: {QUESTION}\n\nAssistant:", [("system", SYSTEM), ("user", QUESTION)]),
        ("Human beings: what are they?", [("user", "Human beings: what are they?")]),
    ],
)  # fmt: skip
def test_a_prompt_in_a_template_is_the_conversation_in_it(prompt: str, expected: list[tuple[str, str]]) -> None:
    assert [(m["role"], m["content"]) for m in messages_in_prompt(prompt)] == expected
