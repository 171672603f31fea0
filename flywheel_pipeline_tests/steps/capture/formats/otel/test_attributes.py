from __future__ import annotations

import json
from typing import Any

from flywheel_pipeline.steps.capture.formats.common import Source
from flywheel_pipeline.steps.capture.formats.otel.attributes import RawSpan, items_of
from flywheel_pipeline.steps.capture.spans import Span
from flywheel_pipeline_tests.conftest import REPO

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


OTEL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "m-1",
    "gen_ai.response.model": "m-1-2026",
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.usage.output_tokens": "7",
    "gen_ai.conversation.id": "talk-1",
    "gen_ai.prompt.name": "greeting",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.system_instructions": '[{"type": "text", "content": "Be kind."}]',
    "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]),
    "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": "Hello!"}]}],
    "gen_ai.request.top_p": 1.0,
}


def test_opentelemetry_genai_is_understood() -> None:
    span = of(OTEL)
    assert (span.kind, span.model, span.session_id, span.prompt_name) == ("llm", "m-1-2026", "talk-1", "greeting")
    assert (span.input_tokens, span.output_tokens, span.cost_usd) == (12, 7, None)
    assert span.messages == [{"role": "system", "content": "Be kind."}, user("Hi")]
    assert span.reply == [assistant("Hello!")]
    assert span.tags == {"provider": "openai", "finish_reason": "stop"}
    assert span.n_dropped == 1  # top_p


def test_openinference_is_understood() -> None:
    span = of(
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "m-2",
            "llm.input_messages.1.message.role": "user",
            "llm.input_messages.1.message.contents.0.message_content.type": "text",
            "llm.input_messages.1.message.contents.0.message_content.text": "Where is it?",
            "llm.input_messages.0.message.role": "system",
            "llm.input_messages.0.message.content": "You help.",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "track",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"order": 5}',
            "llm.token_count.prompt": 30,
            "llm.token_count.completion": 4,
            "llm.cost.prompt": 0.25,
            "llm.cost.completion": 0.5,
            "llm.prompt_template.version": "v3",
            "input.value": "Where is it?",
            "session.id": "s",
            "user.id": "u",
            "metadata": '{"tier": "gold", "empty": null}',
            "tag.tags": ["a", "b"],
        }
    )
    assert span.messages == [{"role": "system", "content": "You help."}, user("Where is it?")]
    assert span.reply == [assistant("", tool_calls=[call("track", '{"order": 5}', "c1")])]
    assert (span.input_tokens, span.output_tokens, span.cost_usd, span.prompt_version) == (30, 4, 0.75, "v3")
    assert span.tags == {"user_id": "u", "tier": "gold", "tags": ["a", "b"]}
    assert span.input == "Where is it?"


def test_openllmetry_is_understood() -> None:
    span = of(
        {
            "llm.request.type": "chat",
            "gen_ai.system": "OpenAI",
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": "Book it",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.tool_calls.0.name": "book",
            "gen_ai.completion.0.tool_calls.0.arguments": "{}",
            "gen_ai.usage.prompt_tokens": 9,
            "traceloop.association.properties.session_id": "s9",
            "traceloop.association.properties.plan": "pro",
            "traceloop.prompt.key": "booking",
            "traceloop.prompt.version": 4,
        }
    )
    assert (span.kind, span.input_tokens, span.session_id) == ("llm", 9, "s9")
    assert (span.prompt_name, span.prompt_version) == ("booking", "4")
    assert span.messages == [user("Book it")]
    assert span.reply == [assistant("", tool_calls=[call("book", "{}")])]
    assert span.tags == {"provider": "OpenAI", "plan": "pro"}


def test_langfuse_is_understood() -> None:
    span = of(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.input": '[{"role": "user", "content": "Hi"}]',
            "langfuse.observation.output": "Hello",
            "langfuse.observation.model.name": "m",
            "langfuse.observation.usage_details": '{"input": 3, "output": 4, "total": 7}',
            "langfuse.observation.cost_details": {"input": 0.5, "output": 0.25},
            "langfuse.observation.prompt.name": "p",
            "langfuse.observation.prompt.version": 2,
            "langfuse.observation.level": "ERROR",
            "langfuse.observation.status_message": "too slow",
            "langfuse.environment": "production",
            "langfuse.internal.as_root": True,
        },
        parent_id="c" * 16,
    )
    assert (span.messages, span.reply) == ([user("Hi")], [assistant("Hello")])
    assert (span.input_tokens, span.output_tokens, span.cost_usd) == (3, 4, 0.75)
    assert (span.prompt_name, span.prompt_version, span.error) == ("p", "2", "too slow")
    assert span.parent_id is None
    assert span.tags == {"environment": "production"}


def test_the_vercel_ai_sdk_counts_tokens_once() -> None:
    step = of(
        {
            "ai.operationId": "ai.streamText.doStream",
            "ai.model.id": "m",
            "ai.prompt.messages": '[{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]',
            "ai.response.text": "Let me look.",
            "ai.response.toolCalls": '[{"toolCallId": "c", "toolName": "look", "input": {"q": 1}}]',
            "ai.usage.promptTokens": 5,
            "ai.usage.completionTokens": 6,
        }
    )
    assert step.messages == [user("Hi")]
    assert step.reply == [assistant("Let me look.", tool_calls=[call("look", '{"q": 1}', "c")])]
    assert (step.kind, step.input_tokens, step.output_tokens) == ("llm", 5, 6)
    whole = of(
        {
            "ai.operationId": "ai.streamText",
            "ai.prompt": '{"system": "Be brief.", "prompt": "Hi"}',
            "ai.response.text": "Done.",
            "ai.usage.promptTokens": 50,
            "ai.telemetry.metadata.sessionId": "s",
            "ai.telemetry.metadata.langfusePrompt": '{"name": "p", "version": 7}',
        }
    )
    assert (whole.kind, whole.input_tokens, whole.session_id) == ("chain", 50, "s")
    assert (whole.prompt_name, whole.prompt_version) == ("p", "7")
    assert whole.messages == [{"role": "system", "content": "Be brief."}, user("Hi")]
    assert whole.reply == [assistant("Done.")]


def test_pydantic_ai_is_understood_in_all_its_versions() -> None:
    said = [
        {"content": "Be brief.", "role": "system", "event.name": "gen_ai.system.message"},
        {"content": "What is up?", "role": "user", "event.name": "gen_ai.user.message"},
    ]
    choice = {"index": 0, "message": {"role": "assistant", "content": "Much."}, "event.name": "gen_ai.choice"}
    chat = of({"gen_ai.operation.name": "chat", "events": json.dumps([*said, choice])})
    old = of({"all_messages_events": json.dumps([*said, assistant("Much.")]), "final_result": "Much."})
    parts = [{"role": "user", "parts": [{"type": "text", "content": "What is up?"}]}]
    new = of({"pydantic_ai.all_messages": [*parts, assistant("Much.")], "gen_ai.usage.input_tokens": 5})
    asked = [{"role": "system", "content": "Be brief."}, user("What is up?")]
    assert (chat.kind, chat.messages, chat.reply) == ("llm", asked, [assistant("Much.")])
    assert (old.kind, old.messages, old.reply, old.output) == ("agent", asked, [assistant("Much.")], "Much.")
    assert (new.kind, new.messages, new.input_tokens) == ("agent", [user("What is up?")], 5)


def test_google_adk_is_understood() -> None:
    request = {
        "model": "g",
        "config": {"system_instruction": "Answer."},
        "contents": [{"parts": [{"text": "Weather?"}], "role": "user"}],
    }
    response = {
        "content": {"parts": [{"function_call": {"name": "weather", "args": {"city": "Oslo"}}}], "role": "model"}
    }
    span = of(
        {
            "gen_ai.system": "gcp.vertex.agent",
            "gen_ai.request.model": "g",
            "gcp.vertex.agent.llm_request": json.dumps(request),
            "gcp.vertex.agent.llm_response": json.dumps(response),
        }
    )
    assert span.kind == "llm"
    assert span.messages == [{"role": "system", "content": "Answer."}, user("Weather?")]
    assert span.reply == [assistant("", tool_calls=[call("weather", '{"city": "Oslo"}')])]
    tool = of(
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "weather",
            "gcp.vertex.agent.tool_call_args": '{"city": "Oslo"}',
            "gcp.vertex.agent.tool_response": "rain",
            "gcp.vertex.agent.llm_request": "{}",
        },
        name="execute_tool weather",
    )
    assert (tool.kind, tool.name, tool.input, tool.output) == ("tool", "weather", '{"city": "Oslo"}', "rain")
    assert tool.messages == []


def test_usage_in_buckets_is_added_and_usage_of_an_agent_counts() -> None:
    details = '{"input": 10, "input_cached_tokens": 90, "output": 4}'
    span = of({"langfuse.observation.type": "generation", "langfuse.observation.usage_details": details})
    assert (span.input_tokens, span.output_tokens) == (100, 4)
    agent = of(
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 2}
    )
    assert (agent.kind, agent.input_tokens, agent.output_tokens) == ("agent", 7, 2)
    tool = of({"gen_ai.operation.name": "execute_tool", "gen_ai.usage.input_tokens": 7})
    assert tool.input_tokens is None
