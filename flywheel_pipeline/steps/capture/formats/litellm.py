"""litellm: the StandardLoggingPayload of its callbacks, and rows of the proxy's spend logs.

A call is a step: calls that share a `trace_id` (in spend logs, where every call is its own, the request) make a trace.
Times are float epoch seconds or text; `messages` and `response` of spend logs are `{}` unless the proxy stores prompts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Item, Source, UnreadableError, clean
from flywheel_pipeline.steps.capture.formats.lenient import (
    content,
    documents_in,
    get_cost,
    get_count,
    get_object,
    get_text,
    get_time,
    tags_of,
)
from flywheel_pipeline.steps.capture.messages import loads, to_messages
from flywheel_pipeline.steps.capture.spans import Span

NAME = "litellm"

_KNOWN = {
    "id", "trace_id", "request_id", "session_id", "call_type", "startTime", "endTime", "completionStartTime", "model",
    "model_group", "messages", "response", "status", "error_str", "error_information", "response_cost", "spend",
    "prompt_tokens", "completion_tokens", "total_tokens", "metadata", "end_user", "user", "request_tags",
    "response_time", "proxy_server_request", "hidden_params", "custom_llm_provider", "cache_hit", "status_fields",
    "model_parameters",
}  # fmt: skip
_TAGS = {
    "call_type": "call_type", "end_user": "user_id", "user": "user", "request_tags": "tags",
    "model_group": "model_group", "custom_llm_provider": "provider", "cache_hit": "cache_hit",
}  # fmt: skip
_METADATA = {"user_api_key_alias": "key_alias", "user_api_key_team_alias": "team", "requester_metadata": "requester"}


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether the record is a payload, bare or as a callback's keyword arguments, or a row of spend logs."""
    record = _payload(record)
    return "call_type" in record and "startTime" in record and ("messages" in record or "spend" in record)


def _payload(record: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = record.get("kwargs") if isinstance(record.get("kwargs"), dict) else record
    payload = inner.get("standard_logging_object") if isinstance(inner, dict) else None
    return payload if isinstance(payload, dict) else record


def read(record: Mapping[str, Any], source: Source) -> Iterator[Item]:
    """Yield the call as a step."""
    payload = _payload(record)
    own = get_text(payload, "id", "request_id")
    if not own:
        raise UnreadableError("the call has no id or request_id")
    started = get_time(payload, "startTime")
    if started is None:
        raise UnreadableError("the call has no startTime")
    metadata = get_object(payload, "metadata")
    request = get_object(payload, "proxy_server_request")
    messages = to_messages(payload.get("messages")) or to_messages(request.get("messages") or request.get("input"))
    response = loads(payload.get("response"))
    cost = get_cost(payload, "response_cost", "spend")
    yield Span(
        trace_id=clean(get_text(payload, "trace_id") or get_text(metadata, "trace_id") or own),
        span_id=clean(own),
        name=get_text(payload, "call_type") or "",
        kind="embedding" if "embedding" in str(payload.get("call_type")) else "llm",
        started_at=started,
        ended_at=get_time(payload, "endTime"),
        error=_error(payload, metadata),
        output=content(response) if isinstance(response, str) else None,
        messages=messages,
        reply=to_messages(response, "assistant"),
        documents=_documents(metadata),
        model=get_text(payload, "model"),
        session_id=get_text(payload, "session_id") or get_text(metadata, "session_id", "litellm_session_id"),
        input_tokens=get_count(payload, "prompt_tokens"),
        output_tokens=get_count(payload, "completion_tokens"),
        cost_usd=cost,
        prompt_name=get_text(get_object(metadata, "prompt_management_metadata"), "prompt_id"),
        tags={**tags_of(payload, _TAGS), **tags_of(metadata, _METADATA)},
        n_dropped=sum(k not in _KNOWN and v not in (None, "", [], {}) for k, v in payload.items()),
    )


def _error(payload: Mapping[str, Any], metadata: Mapping[str, Any]) -> str | None:
    if payload.get("status") != "failure":
        return None
    information = get_object(payload, "error_information") or get_object(metadata, "error_information")
    return (
        get_text(payload, "error_str")
        or get_text(information, "error_message", "error_class", "error_code")
        or "failure"
    )


def _documents(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = loads(metadata.get("vector_store_request_metadata"))
    searches = found if isinstance(found, list) else [found]
    return [
        d
        for s in searches
        if isinstance(s, dict)
        for d in documents_in(get_object(s, "vector_store_search_response").get("data"))
    ]
