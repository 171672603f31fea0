"""Invented exports of the formats that came last, several forms of each; a person sees the same exchange in all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

SYSTEM, QUESTION, REPLY = "You help ferry guests.", "Does the ferry run today?", "Yes, at nine."
AT = "2025-06-02T12:00:00Z"
NANO = 1_748_865_600 * 10**9
TRACE, ROOT, STEP = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b173", "eee19b7ec3c1b174"
TURNS = [{"role": "user", "content": QUESTION}]
BLOCKS = [{"role": "user", "content": [{"text": QUESTION}]}]
SAID = {"role": "assistant", "content": [{"text": REPLY}]}
CONVERSE = {"output": {"message": SAID}, "stopReason": "end_turn", "usage": {"inputTokens": 21, "outputTokens": 6}}


def pair(request: Any, response: Any, **more: Any) -> dict[str, Any]:
    return {"timestamp": AT, "id": "call-1", "request": request, "response": response, **more}


def events(*chunks: dict[str, Any]) -> str:
    """Server-sent events."""
    return "".join(f"event: {c.get('type', 'chunk')}\ndata: {json.dumps(c)}\n\n" for c in chunks)


CLAUDE_REQUEST = {"model": "cl-2", "max_tokens": 99, "system": SYSTEM, "messages": TURNS}
CLAUDE: dict[str, Any] = {
    "id": "msg_9", "type": "message", "role": "assistant", "model": "cl-2-b", "stop_reason": "end_turn",
    "content": [{"type": "thinking", "thinking": "They ask about today."}, {"type": "text", "text": REPLY}],
    "usage": {"input_tokens": 5, "cache_read_input_tokens": 14, "cache_creation_input_tokens": 2, "output_tokens": 6},
}  # fmt: skip
CLAUDE_CHUNKS = (
    {"type": "message_start", "message": {"id": "msg_9", "type": "message", "role": "assistant", "model": "cl-2-b",
                                          "content": [], "usage": {**CLAUDE["usage"], "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Yes, "}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "at nine."}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 6}},
    {"type": "message_stop"},
)  # fmt: skip
GEMINI_REQUEST = {
    "systemInstruction": {"parts": [{"text": SYSTEM}]},
    "contents": [{"role": "user", "parts": [{"text": QUESTION}]}],
}
GEMINI = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": REPLY}]}, "finishReason": "STOP"}],
    "usageMetadata": {
        "promptTokenCount": 21,
        "candidatesTokenCount": 4,
        "thoughtsTokenCount": 2,
        "totalTokenCount": 27,
    },
    "modelVersion": "gem-9",
}
GEMINI_SNAKE = {
    "candidates": GEMINI["candidates"], "model_version": "gem-9",
    "usage_metadata": {"prompt_token_count": 21, "candidates_token_count": 4, "thoughts_token_count": 2},
}  # fmt: skip
OLLAMA_TURNS = [{"role": "system", "content": SYSTEM}, *TURNS]
OLLAMA = {
    "model": "la-3", "created_at": AT, "message": {"role": "assistant", "content": REPLY}, "done": True,
    "total_duration": 1_500_000_000, "prompt_eval_count": 21, "eval_count": 6,
}  # fmt: skip
OLLAMA_CHUNKS = [
    {"model": "la-3", "created_at": AT, "message": {"role": "assistant", "content": "Yes, "}, "done": False},
    {**OLLAMA, "message": {"role": "assistant", "content": "at nine."}},
]


def logged(operation: str, sent: Any, received: Any, **more: Any) -> dict[str, Any]:
    """A model invocation log of Bedrock."""
    return {
        "schemaType": "ModelInvocationLog", "schemaVersion": "1.0", "timestamp": AT, "accountId": "000000000000",
        "requestId": "req-1", "region": "eu-west-1", "operation": operation, "modelId": "maker.model-9",
        "input": {"inputContentType": "application/json", "inputBodyJson": sent, "inputTokenCount": 21},
        "output": {"outputContentType": "application/json", "outputBodyJson": received, "outputTokenCount": 6}, **more,
    }  # fmt: skip


LLAMA = (
    f"<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n{SYSTEM}<|eot_id|><|start_header_id|>user"
    f"<|end_header_id|>\n\n{QUESTION}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
)

CALLS: dict[str, dict[str, dict[str, Any]]] = {
    "anthropic": {
        "pair": pair(CLAUDE_REQUEST, CLAUDE),
        "system as blocks": pair({**CLAUDE_REQUEST, "system": [{"type": "text", "text": SYSTEM}]}, CLAUDE),
        "JSON text": pair(json.dumps(CLAUDE_REQUEST), json.dumps(CLAUDE)),
        "stream as text": pair(CLAUDE_REQUEST, events(*CLAUDE_CHUNKS)),
        "stream as list": pair(CLAUDE_REQUEST, list(CLAUDE_CHUNKS)),
        "with status": pair({"headers": {}, "body": CLAUDE_REQUEST}, {"status_code": 200, "body": CLAUDE}),
        "batch": {"custom_id": "c", "timestamp": AT, "params": CLAUDE_REQUEST, "result": {"type": "succeeded", "message": CLAUDE}},
    },
    "gemini": {
        "pair": pair(GEMINI_REQUEST, GEMINI),
        "snake case": pair({"contents": QUESTION, "config": {"system_instruction": SYSTEM}}, GEMINI_SNAKE),
        "Vertex log": {"logging_time": AT, "request_id": "7", "full_request": json.dumps(GEMINI_REQUEST), "full_response": json.dumps(GEMINI)},
        "stream as list": pair(GEMINI_REQUEST, [
            {"candidates": [{"content": {"role": "model", "parts": [{"text": "Yes, "}]}}], "modelVersion": "gem-9"},
            {**GEMINI, "candidates": [{"content": {"role": "model", "parts": [{"text": "at nine."}]}}]},
        ]),
        "batch": {"key": "k", "processed_time": AT, "request": GEMINI_REQUEST, "response": GEMINI},
    },
    "ollama": {
        "chat": pair({"model": "la-3", "messages": OLLAMA_TURNS}, OLLAMA),
        "stream as list": pair({"model": "la-3", "messages": OLLAMA_TURNS}, OLLAMA_CHUNKS),
        "stream as lines": pair({"model": "la-3", "messages": OLLAMA_TURNS}, "\n".join(map(json.dumps, OLLAMA_CHUNKS))),
        "generate": pair({"model": "la-3", "prompt": QUESTION, "system": SYSTEM},
                         {k: v for k, v in OLLAMA.items() if k != "message"} | {"response": REPLY, "context": [1, 2]}),
    },
    "cohere": {
        "version 2": pair({"model": "co-1", "messages": OLLAMA_TURNS}, {
            "id": "x", "finish_reason": "COMPLETE", "message": {"role": "assistant", "content": [{"type": "text", "text": REPLY}]},
            "usage": {"billed_units": {"input_tokens": 3}, "tokens": {"input_tokens": 21, "output_tokens": 6}}}),
        "version 1": pair({"model": "co-1", "preamble": SYSTEM, "message": QUESTION, "chat_history": []}, {
            "text": REPLY, "generation_id": "g", "meta": {"tokens": {"input_tokens": 21, "output_tokens": 6}}}),
    },
    "bedrock": {
        "Converse log": logged("Converse", {"system": [{"text": SYSTEM}], "messages": BLOCKS}, CONVERSE),
        "Converse pair": pair({"modelId": "maker.model-9", "system": [{"text": SYSTEM}], "messages": BLOCKS}, CONVERSE),
        "Converse stream": pair({"modelId": "maker.model-9", "system": [{"text": SYSTEM}], "messages": BLOCKS}, [
            {"messageStart": {"role": "assistant"}}, {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Yes, "}}},
            {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "at nine."}}}, {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": CONVERSE["usage"]}}]),
        "Anthropic": logged("InvokeModel", {**CLAUDE_REQUEST, "anthropic_version": "bedrock-2023-05-31"}, CLAUDE),
        "Anthropic stream": logged("InvokeModelWithResponseStream", {**CLAUDE_REQUEST, "anthropic_version": "b"}, list(CLAUDE_CHUNKS)),
        "Llama": logged("InvokeModel", {"prompt": LLAMA}, {"generation": REPLY, "prompt_token_count": 21, "generation_token_count": 6}),
        "Mistral": logged("InvokeModel", {"prompt": f"<s>[INST] <<SYS>>\n{SYSTEM}\n<</SYS>>\n{QUESTION} [/INST]"}, {"outputs": [{"text": REPLY}]}),
        "Titan": logged("InvokeModel", {"inputText": QUESTION}, {"inputTextTokenCount": 21, "results": [{"tokenCount": 6, "outputText": REPLY}]}),
        "Cohere": logged("InvokeModel", {"message": QUESTION, "preamble": SYSTEM, "chat_history": []}, {"text": REPLY}),
        "like OpenAI": logged("InvokeModel", {"messages": OLLAMA_TURNS}, {"choices": [{"message": {"role": "assistant", "content": REPLY}}]}),
    },
}  # fmt: skip
"""API -> form -> a record of one call, each with the same exchange of 21 tokens in and 6 out."""


def attribute(key: str, value: Any) -> dict[str, Any]:
    kind = "intValue" if isinstance(value, int) else "stringValue"
    return {"key": key, "value": {kind: value}}


JAEGER_SPAN: dict[str, Any] = {
    "traceID": TRACE, "spanID": ROOT, "operationName": "openai.chat", "references": [], "startTime": NANO // 1000,
    "duration": 1_500_000, "processID": "p1", "logs": [], "tags": [
        {"key": "gen_ai.request.model", "type": "string", "value": "m-7"},
        {"key": "gen_ai.usage.prompt_tokens", "type": "int64", "value": 21},
        {"key": "gen_ai.usage.completion_tokens", "type": "int64", "value": "6"},
        {"key": "gen_ai.prompt.0.role", "type": "string", "value": "system"},
        {"key": "gen_ai.prompt.0.content", "type": "string", "value": SYSTEM},
        {"key": "gen_ai.prompt.1.role", "type": "string", "value": "user"},
        {"key": "gen_ai.prompt.1.content", "type": "string", "value": QUESTION},
        {"key": "gen_ai.completion.0.role", "type": "string", "value": "assistant"},
        {"key": "gen_ai.completion.0.content", "type": "string", "value": REPLY}]}  # fmt: skip
JAEGER = {"traceID": TRACE, "spans": [JAEGER_SPAN], "processes": {"p1": {"serviceName": "ferry", "tags": []}}}
LOGFIRE = {
    "kind": "span", "trace_id": TRACE, "span_id": STEP, "parent_span_id": ROOT, "span_name": "chat m-7", "level": "info",
    "start_timestamp": "2025-06-02T12:00:00.000000Z", "end_timestamp": "2025-06-02T12:00:01.500000Z", "service_name": "ferry",
    "otel_status_code": None, "otel_scope_name": "pydantic-ai", "attributes": {
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "m-7", "gen_ai.usage.input_tokens": 21,
        "gen_ai.usage.output_tokens": 6,
        "gen_ai.system_instructions": [{"type": "text", "content": SYSTEM}],
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": QUESTION}]}],
        "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": REPLY}]}]},
}  # fmt: skip
OPIK_TRACE = {
    "id": "op-7", "project_id": "p", "name": "ask", "start_time": AT, "end_time": "2025-06-02T12:00:01.5Z", "thread_id": "th",
    "input": {"question": QUESTION}, "output": {"answer": REPLY}, "usage": {"prompt_tokens": 21, "completion_tokens": 6},
    "feedback_scores": [{"name": "User feedback", "value": 0.0, "source": "ui", "reason": "too late"},
                        {"name": "Hallucination", "value": 1.0, "source": "online_scoring"}],
}  # fmt: skip
OPIK_SPAN = {
    "id": "sp-1", "trace_id": "op-7", "parent_span_id": None, "project_id": "p", "name": "llm", "type": "llm", "model": "m-7",
    "start_time": AT, "input": {"messages": OLLAMA_TURNS}, "provider": "maker",
    "output": {"choices": [{"message": {"role": "assistant", "content": REPLY}}]},
    "usage": {"prompt_tokens": 21, "completion_tokens": 6},
}  # fmt: skip
OPIK = {"trace": OPIK_TRACE, "spans": [OPIK_SPAN], "downloaded_at": AT, "project_name": "ferry"}


def log_record(name: str, body: Any, at: int = NANO, **attributes: Any) -> dict[str, Any]:
    """A log record of OTLP."""
    fields = [attribute(k.replace("__", "."), v) for k, v in attributes.items()]
    return {
        "timeUnixNano": str(at),
        "traceId": TRACE,
        "spanId": STEP,
        "eventName": name,
        "attributes": fields,
        "body": body,
    }


def logs(*records: dict[str, Any]) -> dict[str, Any]:
    resource = {"attributes": [attribute("service.name", "ferry")]}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": list(records)}]}]}


def said(content: str) -> dict[str, Any]:
    return {"kvlistValue": {"values": [attribute("content", content)]}}


CHOICE = {"kvlistValue": {"values": [{"key": "message", "value": said(REPLY)}]}}
OTLP_LOGS = logs(
    log_record("gen_ai.system.message", said(SYSTEM), NANO),
    log_record("gen_ai.user.message", said(QUESTION), NANO + 1),
    log_record("gen_ai.choice", CHOICE, NANO + 2),
)
BARE_SPAN = {"resourceSpans": [{"scopeSpans": [{"spans": [{
    "traceId": TRACE, "spanId": STEP, "name": "chat m-7", "startTimeUnixNano": str(NANO), "endTimeUnixNano": str(NANO + 15 * 10**8),
    "attributes": [attribute("gen_ai.operation.name", "chat"), attribute("gen_ai.request.model", "m-7"),
                   attribute("gen_ai.usage.input_tokens", 21), attribute("gen_ai.usage.output_tokens", 6)]}]}]}]}  # fmt: skip
"""The span of `OTLP_LOGS`, without content."""

NEW: dict[str, dict[str, Any]] = {
    "jaeger": JAEGER, "logfire": LOGFIRE, "opik": OPIK, "otlp_logs": OTLP_LOGS,
    "sharegpt": {"conversations": [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": REPLY}], "created_at": AT},
    "turns": {"conversation_id": "c1", "role": "user", "content": QUESTION, "timestamp": AT},
    **{name: next(iter(forms.values())) for name, forms in CALLS.items()},
}  # fmt: skip
"""Format -> one record."""


def all_calls() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (API, form, record)."""
    for name, forms in CALLS.items():
        for form, record in forms.items():
            yield name, form, record
