"""The attribute names that tracing libraries use for the same concepts: one table, with its version.

For each field the names under which it is found, the preferred one first. A name may also be spread over indexed
attributes (`llm.input_messages.0.message.role`); `slot_of` returns where any attribute belongs. Covered are
OpenTelemetry GenAI (current and legacy), OpenInference, OpenLLMetry (Traceloop), Langfuse, Vercel AI SDK,
pydantic-ai and Logfire, Google ADK, Monocle, MLflow, Laminar, Braintrust, LangSmith, litellm, Strands and CrewAI.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

VERSION = "2026-11-24"
"""When the names were last compared with their sources, which are these."""

SOURCES: Mapping[str, str] = {
    "OpenTelemetry GenAI": "1.42.0-dev (semantic-conventions-genai); 1.41.1 and older as legacy names",
    "OpenInference": "145e3c6d (2026-07-31), spec/semantic_conventions.md and spec/annotations.md",
    "OpenLLMetry": "opentelemetry-semantic-conventions-ai 0.4",
    "Langfuse": "OpenTelemetry attributes of SDK v3 and v4",
    "Vercel AI SDK": "4 to 6",
    "pydantic-ai": "instrumentation versions 1 to 3",
    "Google ADK": "1.12",
    "Monocle": "0.8",
}

NAMES: Mapping[str, tuple[str, ...]] = {
    "kind": (
        "openinference.span.kind", "langfuse.observation.type", "gen_ai.operation.name", "traceloop.span.kind",
        "ai.operationId", "span.type", "llm.request.type", "mlflow.spanType", "lmnr.span.type", "langsmith.span.kind",
        "gen_ai.span.kind", "operation.name",
    ),
    "messages": (
        "gen_ai.input.messages", "llm.input_messages", "gen_ai.prompt", "ai.prompt.messages", "ai.prompt",
        "gcp.vertex.agent.llm_request", "gen_ai.request.messages", "llm.prompts", "request_data",
    ),
    "reply": (
        "gen_ai.output.messages", "llm.output_messages", "gen_ai.completion", "gcp.vertex.agent.llm_response",
        "gen_ai.response.messages", "llm.choices", "llm.completions", "response_data",
    ),
    "reply_text": ("ai.response.text", "ai.result.text", "ai.response.object", "ai.result.object"),
    "reply_calls": ("ai.response.toolCalls", "ai.result.toolCalls"),
    "system": (
        "gen_ai.system_instructions", "gen_ai.request.system_instructions", "gen_ai.request.instructions",
        "system_prompt",
    ),
    "exchange": ("pydantic_ai.all_messages", "all_messages_events", "events"),
    "input": (
        "gen_ai.tool.call.arguments", "ai.toolCall.args", "ai.toolCall.input", "gcp.vertex.agent.tool_call_args",
        "langfuse.observation.input", "input.value", "traceloop.entity.input", "data.input", "tool_arguments",
        "tool.parameters", "gen_ai.retrieval.query.text", "reranker.query", "mlflow.spanInputs", "lmnr.span.input",
        "braintrust.input_json", "langfuse.trace.input", "gen_ai.task.input", "ai.value", "haystack.component.input",
    ),
    "output": (
        "gen_ai.tool.call.result", "ai.toolCall.result", "ai.toolCall.output", "gcp.vertex.agent.tool_response",
        "langfuse.observation.output", "output.value", "traceloop.entity.output", "data.output", "tool_response",
        "final_result", "mlflow.spanOutputs", "lmnr.span.output", "braintrust.output_json", "langfuse.trace.output",
        "gen_ai.task.output", "haystack.component.output",
    ),
    "documents": ("gen_ai.retrieval.documents", "retrieval.documents", "reranker.output_documents"),
    "model": (
        "gen_ai.response.model", "llm.response.model_name", "llm.model_name", "langfuse.observation.model.name",
        "ai.response.model", "gen_ai.request.model", "llm.request.model_name", "llm.response.model",
        "llm.request.model", "ai.model.id", "reranker.model_name", "embedding.model_name", "model_name",
        "mlflow.llm.model",
    ),
    "input_tokens": (
        "gen_ai.usage.input_tokens", "llm.token_count.prompt", "gen_ai.usage.prompt_tokens", "ai.usage.inputTokens",
        "ai.usage.promptTokens", "llm.usage.prompt_tokens", "prompt_tokens",
    ),
    "output_tokens": (
        "gen_ai.usage.output_tokens", "llm.token_count.completion", "gen_ai.usage.completion_tokens",
        "ai.usage.outputTokens", "ai.usage.completionTokens", "llm.usage.completion_tokens", "completion_tokens",
    ),
    "usage": ("langfuse.observation.usage_details", "mlflow.chat.tokenUsage", "braintrust.metrics"),
    "cost": (
        "llm.cost.total", "gen_ai.usage.cost", "gen_ai.usage.total_cost", "gen_ai.cost.total_cost", "operation.cost",
        "langfuse.observation.cost_details", "llm.usage.total_cost", "mlflow.llm.cost",
    ),
    "cost_input": ("llm.cost.prompt", "gen_ai.cost.input_cost", "gen_ai.usage.input_cost"),
    "cost_output": ("llm.cost.completion", "gen_ai.cost.output_cost", "gen_ai.usage.output_cost"),
    "session_id": (
        "session.id", "langfuse.session.id", "gen_ai.conversation.id", "traceloop.association.properties.session_id",
        "traceloop.association.properties.thread_id", "traceloop.association.properties.conversation_id",
        "traceloop.association.properties.chat_id", "ai.telemetry.metadata.sessionId",
        "ai.telemetry.metadata.threadId", "langsmith.metadata.session_id", "langsmith.metadata.thread_id",
        "langsmith.metadata.conversation_id", "scope.agentic.session", "gcp.vertex.agent.session_id",
        "lmnr.association.properties.session_id", "mlflow.trace.session", "session_id", "conversation_id",
        "thread_id",
    ),
    "prompt_name": (
        "langfuse.observation.prompt.name", "langfuse.prompt.name", "gen_ai.prompt.name", "prompt.name",
        "traceloop.prompt.key", "prompt.id",
    ),
    "prompt_version": (
        "langfuse.observation.prompt.version", "langfuse.prompt.version", "gen_ai.prompt.version", "prompt.version",
        "traceloop.prompt.version", "llm.prompt_template.version",
    ),
    "prompt": ("ai.telemetry.metadata.langfusePrompt",),
    "tool_name": ("gen_ai.tool.name", "tool.name", "ai.toolCall.name", "tool_call.function.name"),
    "annotations": ("annotations", "trace.annotations"),
    "evaluations": ("evaluations", "trace.evaluations"),
    "entity": ("entity",),
    "metadata": ("metadata", "langfuse.trace.metadata", "langfuse.observation.metadata", "braintrust.metadata"),
    "error_type": ("error.type",),
    "error": ("error.message", "langfuse.observation.status_message", "exception.message"),
    "level": ("langfuse.observation.level",),
    "app": ("workflow.name", "openinference.project.name", "app.name"),
    "as_root": ("langfuse.internal.as_root",),
}  # fmt: skip
"""Field -> the names under which it is found, in order of preference."""

TAGS: Mapping[str, str] = {
    "user.id": "user_id", "langfuse.user.id": "user_id", "enduser.id": "user_id",
    "traceloop.association.properties.user_id": "user_id", "ai.telemetry.metadata.userId": "user_id",
    "mlflow.trace.user": "user_id", "lmnr.association.properties.user_id": "user_id",
    "deployment.environment.name": "environment", "deployment.environment": "environment",
    "langfuse.environment": "environment", "langfuse.release": "release", "langfuse.version": "version",
    "tag.tags": "tags", "langfuse.trace.tags": "tags", "langfuse.trace.name": "trace_name",
    "gen_ai.agent.name": "agent", "agent.name": "agent", "agent_name": "agent", "graph.node.id": "graph_node",
    "gen_ai.provider.name": "provider", "gen_ai.system": "provider", "llm.provider": "provider",
    "ai.model.provider": "provider", "gen_ai.response.finish_reasons": "finish_reason",
    "llm.finish_reason": "finish_reason", "ai.response.finishReason": "finish_reason",
    "finish_reason": "finish_reason", "ai.telemetry.functionId": "function_id",
    "gen_ai.data_source.id": "data_source", "traceloop.workflow.name": "workflow", "gen_ai.workflow.name": "workflow",
}  # fmt: skip
"""Attribute -> the tag that it becomes."""

TAG_PREFIXES = (
    "langfuse.trace.metadata.", "langfuse.observation.metadata.", "ai.telemetry.metadata.", "metadata.",
    "traceloop.association.properties.", "lmnr.association.properties.", "langsmith.metadata.",
)  # fmt: skip
"""Attributes that carry what the app itself has to say; the rest of the name is the tag."""

INTERNAL_PREFIXES = (
    "gen_ai.", "llm.", "ai.", "openinference.", "input.", "output.", "retrieval.", "reranker.", "embedding.",
    "langfuse.", "traceloop.", "pydantic_ai.", "logfire.", "gcp.", "monocle", "span_source", "span.subtype", "entity.",
    "scope.", "mlflow.", "lmnr.", "langsmith.", "braintrust.", "telemetry.", "otel.", "server.", "client.", "network.",
    "net.", "http.", "url.", "rpc.", "db.", "thread.", "code.", "process.", "os.", "host.", "k8s.", "container.",
    "tool.", "agent_framework.", "model_request_parameters", "crew_", "crewai", "task_", "agno", "operation.",
    "resource.", "last.inference", "inference.decision", "is_mcp", "graph.", "haystack.", "gen_ai_", "message.",
    "tools", "history", "python_version", "event_loop", "exception.", "total_tokens", "temperature", "image.", "audio.",
)  # fmt: skip
"""Attributes of the tracing libraries that say nothing about the app's traffic, and are not kept unless named."""

KINDS: Mapping[str, str] = {
    # OpenInference
    "llm": "llm", "embedding": "embedding", "chain": "chain", "retriever": "retriever", "reranker": "retriever",
    "tool": "tool", "agent": "agent", "guardrail": "evaluator", "evaluator": "evaluator", "prompt": "chain",
    "unknown": "other",
    # Langfuse
    "generation": "llm", "event": "other",
    # OpenTelemetry GenAI
    "chat": "llm", "generate_content": "llm", "text_completion": "llm", "embeddings": "embedding",
    "retrieval": "retriever", "execute_tool": "tool", "create_agent": "agent", "invoke_agent": "agent",
    "invoke_workflow": "chain", "plan": "agent",
    # OpenLLMetry
    "workflow": "chain", "task": "chain", "completion": "llm", "rerank": "retriever",
    # Vercel AI SDK: the outer call sums up its steps
    "ai.generatetext": "chain", "ai.streamtext": "chain", "ai.generateobject": "chain", "ai.streamobject": "chain",
    "ai.embed": "chain", "ai.embedmany": "chain", "ai.generatetext.dogenerate": "llm", "ai.streamtext.dostream": "llm",
    "ai.generateobject.dogenerate": "llm", "ai.streamobject.dostream": "llm", "ai.embed.doembed": "embedding",
    "ai.embedmany.doembed": "embedding", "ai.toolcall": "tool",
    # Monocle
    "inference": "llm", "inference.framework": "llm", "inference.modelapi": "llm", "agentic.invocation": "agent",
    "agentic.turn": "agent", "agentic.request": "agent", "agentic.delegation": "agent",
    "agentic.tool.invocation": "tool", "agentic.mcp.invocation": "tool", "retrieval.embedding": "embedding",
    # MLflow, LangSmith
    "chat_model": "llm", "parser": "chain", "memory": "other",
}  # fmt: skip
"""What the attributes of `kind` say, in lower case, and what it means. `span` and the like mean nothing."""

HINTS = (
    ("exchange", "agent"), ("documents", "retriever"), ("reply_text", "llm"), ("reply", "llm"), ("messages", "llm"),
    ("tool_name", "tool"), ("model", "llm"), ("evaluations", "evaluator"),
)  # fmt: skip
"""(field, kind): what a span is that names no kind but has the field; the first counts."""

MAX_PATH = 16
INDEXED = ("messages", "reply", "system", "exchange", "documents", "annotations", "evaluations", "entity")
"""The fields that may be spread over indexed attributes."""

_FIELDS = {name: (field, rank) for field, names in NAMES.items() for rank, name in enumerate(names)}


class Slot(NamedTuple):
    """Where an attribute belongs: a field, by rank of its name, and the path in it where it is an indexed part."""

    field: str
    rank: int
    path: tuple[str, ...] = ()


TAG = "tag"
"""The field of what becomes a tag; its path is the tag's name, its rank 1 if the name is the app's own."""


@lru_cache(maxsize=50_000)
def slot_of(name: str) -> Slot | None:
    """Return where the attribute `name` belongs; None if it is not kept."""
    if name in _FIELDS:
        return Slot(*_FIELDS[name])
    if name in TAGS:
        return Slot(TAG, 0, (TAGS[name],))
    part = _part_of(name)
    if part:
        return part
    for prefix in TAG_PREFIXES:
        if name.startswith(prefix) and len(name) > len(prefix):
            return Slot(TAG, 0, (name[len(prefix) :],))
    return None if name.startswith(INTERNAL_PREFIXES) else Slot(TAG, 1, (name,))


def _part_of(name: str) -> Slot | None:
    """Return the slot of `llm.input_messages.0.message.role`: the field of `llm.input_messages`, and the rest."""
    parts = name.split(".")
    for i, part in enumerate(parts[: MAX_PATH + 1]):
        if not _is_index(part) or i == 0:
            continue
        field = _FIELDS.get(".".join(parts[:i]))
        if field and field[0] in INDEXED:
            return Slot(*field, tuple(parts[i:])) if len(parts) - i <= MAX_PATH else None
    return None


def _is_index(part: str) -> bool:
    return part.isdecimal() and len(part) <= 9


def unflatten(tree: dict[str, Any]) -> Any:
    """Return nested objects keyed by path parts as lists where all keys are indexes, in their order."""
    made = {k: unflatten(v) if isinstance(v, dict) else v for k, v in tree.items()}
    if made and all(_is_index(k) for k in made):
        return [made[k] for k in sorted(made, key=int)]
    return made
