"""One request through the real litellm, to the stand-in, and what an error means."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flywheel_pipeline.adapters.llm import direct
from flywheel_pipeline.adapters.llm.calling import (
    Called,
    CallFailed,
    LitellmTransport,
    OfflineTransport,
    kind_of,
    retry_after,
)
from flywheel_pipeline.errors import ModelError
from flywheel_pipeline_tests.adapters.llm.clients import Bench, a_model, an_ask, echo
from flywheel_pipeline_tests.adapters.llm.scripted_server import Said, scripted_server

OWN_SERVER = "hosted_vllm/x"
"""A provider that is called through litellm and takes any address."""


def call(model: str, url: str | None = None, timeout: float = 10) -> Called:
    role = a_model(model, url)
    request: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "Hi there"}]}
    transport = OfflineTransport() if role.way == "offline" else LitellmTransport()

    async def work() -> Called:
        try:
            return await transport.call(role, {**request, **({"api_base": url} if url else {})}, timeout)
        finally:
            await transport.close()

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("model", "base", "way"),
    [
        ("openai/x", "http://127.0.0.1/v1", "direct"),
        ("openai/x", None, "litellm"),
        ("anthropic/claude-sonnet-4-5", None, "litellm"),
        (OWN_SERVER, "http://127.0.0.1/v1", "litellm"),
        ("offline/app", None, "offline"),
    ],
)
def test_servers_of_openais_protocol_are_called_directly_and_other_providers_through_litellm(
    model: str, base: str | None, way: str
) -> None:
    assert a_model(model, base).way == way


def test_a_reply_through_litellm_has_its_tokens_its_reason_and_no_price_where_none_is_known() -> None:
    with scripted_server(lambda _: Said("Hello", tokens=(10, 5), finish="length")) as server:
        called = call(OWN_SERVER, server.url)
    assert (called.text, called.input_tokens, called.output_tokens) == ("Hello", 10, 5)
    assert (called.finish_reason, called.cost_usd) == ("length", None)
    assert called.latency_ms > 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "refused"), (401, "unusable"), (404, "unusable"), (429, "throttled"), (500, "transient")],
)
def test_an_error_through_litellm_has_its_kind_and_text(status: int, kind: str) -> None:
    said, text = Said("it is broken", status=status, after="3"), r"hosted_vllm/x: \w+: .*it is broken"
    with scripted_server(lambda _: said) as server, pytest.raises(CallFailed, match=text) as caught:
        call(OWN_SERVER, server.url)
    assert len(server.bodies) == 1
    assert caught.value.kind == kind
    assert caught.value.retry_after == 3 or status != 429


def test_a_timeout_through_litellm_is_one() -> None:
    with scripted_server(lambda _: Said("late", seconds=5)) as server, pytest.raises(CallFailed) as caught:
        call(OWN_SERVER, server.url, timeout=0.3)
    assert caught.value.kind == "timeout"


def test_a_provider_that_litellm_does_not_know_cannot_be_used() -> None:
    with pytest.raises(CallFailed, match="nobody/x") as caught:
        call("nobody/x")
    assert caught.value.kind == "unusable"


def test_a_missing_key_is_named_before_any_request(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(ModelError, match="needs ANTHROPIC_API_KEY in the environment"):
        bench.client(None, "anthropic/claude-sonnet-4-5", retries=4).ask([an_ask(f"q{i}") for i in range(50)])
    assert bench.calls == []  # nothing was sent


def test_a_client_goes_through_litellm_with_cache_and_log_as_with_any_other_way(bench: Bench) -> None:
    with scripted_server(echo) as server:
        first = bench.client(server, OWN_SERVER).ask([an_ask(f"q{i}") for i in range(5)])
        again = bench.client(server, OWN_SERVER).ask([an_ask(f"q{i}") for i in range(5)])
    assert [r.text for r in first] == [r.text for r in again] == [f"You said q{i}." for i in range(5)]
    assert len(server.bodies) == 5
    assert [c.cached for c in bench.calls] == [False] * 5 + [True] * 5


def test_the_stand_in_answers_without_a_server_and_counts_words() -> None:
    called = call("offline/app")
    assert called.text
    assert (called.input_tokens, called.output_tokens) == (2, len(called.text.split()))
    assert (called.cost_usd, called.finish_reason) == (0.0, "stop")


def test_an_unknown_stand_in_is_an_error_that_lists_those_there_are(bench: Bench) -> None:
    with pytest.raises(ModelError, match="offline/nope does not exist; there are app, judge, improver"):
        bench.client(None, "offline/nope", retries=2).ask([an_ask("Hi")])


def test_a_pause_that_is_no_number_of_seconds_is_none() -> None:
    assert retry_after({"retry-after": "1.5"}) == 1.5
    assert retry_after({"retry-after": "-3"}) == 0.0
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) is None
    assert retry_after({}) is None


def test_a_status_says_whether_the_question_or_the_model_is_at_fault() -> None:
    assert [kind_of(s) for s in (400, 413, 422)] == ["refused"] * 3
    assert [kind_of(s) for s in (401, 403, 404)] == ["unusable"] * 3
    assert [kind_of(s) for s in (None, 408, 409, 500, 502, 529)] == ["transient"] * 6
    assert (kind_of(429), kind_of(429, "insufficient_quota")) == ("throttled", "unusable")


def test_a_reply_that_is_too_large_is_refused_while_it_arrives(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
    monkeypatch.setattr(direct, "MAX_REPLY_BYTES", 10_000)
    with scripted_server(lambda _: Said(body=b" " * 20_000)) as server:
        (reply,) = bench.client(server).ask([an_ask("Hi")])
    assert reply.text is None and "too large" in (reply.error or "")


def test_a_key_that_the_server_repeats_is_in_no_error_and_no_table(
    monkeypatch: pytest.MonkeyPatch, bench: Bench
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "quite-unlike-any-key")
    body = b'{"error": {"message": "Bad request with Bearer quite-unlike-any-key"}}'
    with scripted_server(lambda _: Said(status=400, body=body)) as server:
        (reply,) = bench.client(server).ask([an_ask("Hi")])
    assert "quite-unlike" not in (reply.error or "") and "Bad request" in (reply.error or "")
    assert "quite-unlike" not in str(bench.calls)
