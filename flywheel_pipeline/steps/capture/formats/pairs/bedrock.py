"""Amazon Bedrock: model invocation logs, and calls of Converse and InvokeModel.

A log is `{schemaType: ModelInvocationLog, modelId, input: {inputBodyJson, inputTokenCount}, output: {outputBodyJson,
outputTokenCount}}`. Bodies of Converse have one form; those of InvokeModel are the vendor's own: Anthropic, Amazon
(Nova as Converse, Titan), Meta, Mistral, Cohere, AI21, DeepSeek, and all that copy OpenAI.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError
from flywheel_pipeline.steps.capture.formats.lenient import get_count, get_list, get_object, get_text
from flywheel_pipeline.steps.capture.formats.pairs import anthropic, cohere, openai
from flywheel_pipeline.steps.capture.formats.pairs.exchange import (
    Call,
    Content,
    Messages,
    added,
    call_of,
    read_call,
)
from flywheel_pipeline.steps.capture.formats.pairs.templates import messages_in_prompt
from flywheel_pipeline.steps.capture.formats.row import with_system
from flywheel_pipeline.steps.capture.messages import loads, to_messages
from flywheel_pipeline.steps.capture.streams import joined

NAME = "bedrock"
_INPUT = ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
_EMBEDDED = ("embedding", "embeddings", "embeddingsByType")


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record is an invocation log, or a call whose response has the form of Converse."""
    if record.get("schemaType") == "ModelInvocationLog":
        return True
    call = call_of(record)
    return call is not None and (is_converse(call.response) or "modelId" in call.request)


def is_converse(response: Mapping[str, Any]) -> bool:
    """Return whether a response is of Converse: one message as its output."""
    output = response.get("output")
    return isinstance(output, dict) and isinstance(output.get("message"), dict)


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the call as a trace, or as a step of the trace that it names."""
    call = _logged(record) if record.get("schemaType") == "ModelInvocationLog" else call_of(record)
    if call is None:
        raise UnreadableError("no request and no response")
    content = content_of(call)
    yield from read_call(NAME, call, content, source)


def _logged(record: Mapping[str, Any]) -> Call:
    sent, received = get_object(record, "input"), get_object(record, "output")
    path = get_text(sent, "inputBodyS3Path") or get_text(received, "outputBodyS3Path")
    if path:
        raise UnreadableError(f"the body of the call is in S3 ({path}): put it under inputBodyJson or outputBodyJson")
    response = joined(loads(received.get("outputBodyJson")))
    return Call(record, get_object(sent, "inputBodyJson"), response if isinstance(response, dict) else {})


def content_of(call: Call) -> Content:
    """Return the conversation, model and tokens of a call.

    Raises:
        UnreadableError: it made embeddings, or its body is of no known vendor.
    """
    record, request, response = call.record, call.request, call.response
    if any(k in response for k in _EMBEDDED):
        raise UnreadableError("an embedding call: it holds no conversation")
    content = next((say(call) for fits, say in _BODIES if fits(request, response)), None)
    if content is None:
        raise UnreadableError(f"a body of a vendor that is not known (keys {', '.join(sorted(request)[:8])})")
    n_in = get_count(get_object(record, "input"), "inputTokenCount")
    n_out = get_count(get_object(record, "output"), "outputTokenCount")
    error = get_text(record, "errorCode", "errorMessage")
    return Content(
        content.asked,
        content.answer,
        get_text(record, "modelId") or get_text(request, "modelId") or content.model,
        n_in if content.input_tokens is None else content.input_tokens,
        n_out if content.output_tokens is None else content.output_tokens,
        {"error": error} if error else {},
    )


def _converse(call: Call) -> Content:
    request, response = call.request, call.response
    usage = get_object(response, "usage")
    asked = with_system(to_messages(request.get("messages")), request.get("system"))
    answer = to_messages(get_object(response, "output").get("message"), "assistant")
    return Content(asked, answer, None, added(usage, *_INPUT), get_count(usage, "outputTokens"))


def _titan(call: Call) -> Content:
    results = [r for r in get_list(call.response, "results") if isinstance(r, dict)]
    answer = to_messages(get_text(results[0], "outputText"), "assistant") if results else []
    n_out = get_count(results[0], "tokenCount") if results else None
    return Content(messages_in_prompt(call.request.get("inputText")), answer, None,
                get_count(call.response, "inputTextTokenCount"), n_out)  # fmt: skip


def _completion(call: Call) -> Content:
    """Return what a prompt and the text that completes it say, whatever vendor's."""
    response = call.response
    listed = next((v for k in ("outputs", "generations", "completions", "choices") if (v := get_list(response, k))), [])
    item = listed[0] if listed and isinstance(listed[0], dict) else {}
    text = get_text(response, "generation", "completion", "text") or get_text(item, "text")
    text = text or get_text(get_object(item, "data"), "text")
    return Content(
        messages_in_prompt(call.request.get("prompt")),
        to_messages(text, "assistant"),
        None,
        get_count(response, "prompt_token_count"),
        get_count(response, "generation_token_count"),
    )


def _of_anthropic(call: Call) -> Content:
    return anthropic.content_of(Call(call.record, call.request, anthropic.answer_in(call.response)))


def _blocks(messages: Any) -> Messages:
    held = [m.get("content") for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
    return [b for blocks in held if isinstance(blocks, list) for b in blocks if isinstance(b, dict)]


def _is_converse(request: Mapping[str, Any], response: Mapping[str, Any]) -> bool:
    """Return whether a call is of Converse; where it failed its content blocks, which have no type, show it."""
    blocks = _blocks(request.get("messages"))
    return is_converse(response) or (not response and bool(blocks) and all("type" not in b for b in blocks))


def _is_anthropic(request: Mapping[str, Any], response: Mapping[str, Any]) -> bool:
    return "anthropic_version" in request or anthropic.is_message(response)


_BODIES: tuple[tuple[Callable[[Mapping[str, Any], Mapping[str, Any]], bool], Callable[[Call], Content]], ...] = (
    (_is_converse, _converse),
    (_is_anthropic, _of_anthropic),
    (lambda request, _: "inputText" in request, _titan),
    (cohere.is_v1, cohere.content_of),
    (lambda request, _: "messages" in request, openai.content_of),
    (lambda request, _: "prompt" in request, _completion),
)
