"""What stands inside an object that is no message: the conversation that it wraps, or nothing where it is the content.

A question is looked for under many names. An answer is taken out only where the rest is plainly not part of it: the
envelope of an API, the state of an agent, or what was retrieved; `{"answer": …, "refund": …}` is an answer as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

EMPTY: tuple[Any, ...] = (None, "", [], {})
_HOLDERS = (
    "messages", "input_messages", "output_messages", "message", "chat_history", "choices", "generations", "contents",
    "candidates", "new_message", "newMessage", "input", "inputs", "prompt", "prompts", "question", "query",
    "user_input", "user_query", "user_message", "userMessage", "user_prompt", "text", "content", "parts", "output",
    "outputs", "response", "answer", "result", "completion", "value", "kwargs", "data", "request", "body", "args",
)  # fmt: skip
"""Keys under which a question or a conversation is found, in the order tried."""
_ASKED = re.compile(r"(?i)question|query|message|utterance|prompt|(?<!context)text|ask|request|topic|input|^q$")
_ENVELOPES = (
    "messages", "output_messages", "choices", "candidates", "generations", "message", "return_values", "kwargs",
)  # fmt: skip
"""Keys of an API's or an agent's object that hold the conversation, whatever stands beside them."""
_ANSWERS = (
    "output", "outputs", "response", "answer", "result", "results", "completion", "text", "content", "value", "data",
    "reply", "final_output", "final_answer", "output_text", "generated_text", "assistant_message", "raw", "parts",
    "bot_response", "body", "generation", "combined_chunk_content",
)  # fmt: skip
_BESIDE = frozenset((
    "id", "object", "created", "created_at", "model", "usage", "usage_metadata", "metadata", "response_metadata",
    "finish_reason", "stop_reason", "stopReason", "stop", "type", "role", "input", "inputs", "question", "query",
    "prompt", "chat_history", "history", "context", "contexts", "documents", "docs", "source_documents", "sources",
    "retrieved_documents", "retrieved_contexts", "retrieved_docs", "intermediate_steps", "agent_scratchpad",
    "llm_output", "lc", "run_id", "thread_id", "session_id", "conversation_id", "trace_id", "user_id", "request_id",
    "system_fingerprint", "service_tier", "latency", "latency_ms", "timestamp", "config", "instructions", "system",
    "remaining_steps", "is_last_step", "tools", "tool_calls", "temperature", "metrics", "token_usage",
    "additional_kwargs", "example", "pydantic", "json_dict", "tasks_output", "agent", "raw_output", "logprobs",
    "structured_response", "citations_metadata", "kwargs", "chunk_count",
))  # fmt: skip
"""Keys that are no part of an answer beside them: an envelope's, an agent's state, and what was retrieved."""
_TASK = frozenset(("tasks_output", "expected_output", "json_dict", "agent"))
"""Keys of a task's output that CrewAI writes; its text is under `raw`."""


def inside(value: Mapping[str, Any], role: str) -> Iterator[tuple[str, Any]]:
    """Yield (key, what stands there) of the places in which a conversation may be found, the likeliest first."""
    if role == "assistant":
        yield from _answers(value)
        return
    if value.keys() <= {"args", "kwargs", "self"}:
        yield from _arguments(value)
        return
    yield from ((key, value[key]) for key in _HOLDERS if value.get(key) not in EMPTY)
    filled = [key for key in value if value[key] not in EMPTY]
    if len(filled) == 1 and isinstance(value[filled[0]], str) and _ASKED.search(filled[0]):
        yield filled[0], value[filled[0]]


def _arguments(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the arguments with which a traced function was called: by name where a name says so, then by position."""
    named = value["kwargs"] if isinstance(value.get("kwargs"), dict) else {}
    asks = any(key in _HOLDERS or _ASKED.search(str(key)) for key in named)
    if asks:
        yield "kwargs", named
    args = value.get("args")
    for argument in args if isinstance(args, list) else [args]:
        if argument not in EMPTY and isinstance(argument, str | list | dict):
            yield "args", argument
    if named and not asks:
        yield "kwargs", named


def _answers(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key in _ENVELOPES:
        is_beside = key == "kwargs" and ("outputs" in value or "output" in value)  # OpenLLMetry of LangChain
        if isinstance(value.get(key), list | dict) and value[key] and not is_beside:
            yield key, value[key]
    content = value.get("content")
    if isinstance(content, dict) and "parts" in content:  # an event of Google's ADK
        yield "content", content
    if isinstance(value.get("raw"), str) and not _TASK.isdisjoint(value):
        yield "raw", value["raw"]
    output = value.get("output")
    if value.get("object") == "response" or (isinstance(output, list) and _are_items(output)):
        yield "output", output
    beside = {k: v for k, v in value.items() if v not in EMPTY and k not in _BESIDE}
    if len(beside) == 1 and (key := next(iter(beside))) in _ANSWERS:
        yield key, beside[key]


def _are_items(output: list[Any]) -> bool:
    return bool(output) and all(isinstance(i, dict) and ("role" in i or "type" in i) for i in output)
