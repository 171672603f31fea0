"""One call through the real litellm: faults that pass are tried again, the others are told."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from flywheel_pipeline.adapters.llm.calling import Called, CallFailed, call_model
from flywheel_pipeline_tests.adapters.llm.local_model import LocalModel, Said, local_model


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "no-key")


def _call(model: str, url: str | None = None, retries: int = 0, timeout: float = 10) -> Called:
    request: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "Hi there"}]}
    return asyncio.run(call_model({**request, **({"api_base": url} if url else {})}, retries, timeout))


def _failing(status: int) -> Any:
    return local_model(lambda _: Said("it is broken", status=status))


def test_a_reply_tells_its_tokens_and_what_it_cost_by_the_price_list() -> None:
    with local_model(lambda _: Said("Hello", tokens=(1_000_000, 500_000))) as server:
        called = _call("openai/gpt-4o-mini", server.url)
    assert (called.text, called.input_tokens, called.output_tokens) == ("Hello", 1_000_000, 500_000)
    assert called.cost_usd == pytest.approx(0.15 + 0.30)
    assert called.latency_ms > 0


def test_a_model_without_a_known_price_costs_nothing() -> None:
    with local_model(lambda _: Said("Hello")) as server:
        assert _call("openai/my-own", server.url).cost_usd == 0


def test_a_reply_without_text_is_an_empty_text() -> None:
    with local_model(lambda _: Said(None)) as server:
        assert _call("openai/x", server.url).text == ""


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_an_error_that_will_not_pass_is_told_after_one_request(status: int) -> None:
    with _failing(status) as server, pytest.raises(CallFailed, match=r"openai/x: \w+Error: .*it is broken"):
        _call("openai/x", server.url, retries=3)
    assert len(server.bodies) == 1


def test_an_error_that_may_pass_is_told_after_the_last_retry() -> None:
    with _failing(503) as server, pytest.raises(CallFailed, match="openai/x: ServiceUnavailableError"):
        _call("openai/x", server.url, retries=1)
    assert len(server.bodies) == 2


@pytest.mark.parametrize("status", [429, 500])
def test_the_wait_before_a_retry_is_what_the_provider_asks_for(status: int) -> None:
    replies = iter([Said(status=status, after="0"), Said("Hello")])
    with local_model(lambda _: next(replies)) as server:
        assert _call("openai/x", server.url, retries=1).text == "Hello"
    first, second = server.times
    assert second - first < 0.9  # without the header it is a second


def test_a_retry_after_that_is_no_number_of_seconds_is_no_obstacle() -> None:
    replies = iter([Said(status=500, after="Wed, 21 Oct 2015 07:28:00 GMT"), Said("Hello")])
    with local_model(lambda _: next(replies)) as server:
        assert _call("openai/x", server.url, retries=1).text == "Hello"


def test_a_model_that_does_not_answer_in_time_is_an_error() -> None:
    def slow(_: dict[str, Any]) -> Said:
        time.sleep(0.6)
        return Said("late")

    with local_model(slow) as server, pytest.raises(CallFailed, match="Timeout") as told:
        _call("openai/x", server.url, timeout=0.2)
    assert told.value.latency_ms >= 200


def test_a_server_that_is_not_there_is_an_error() -> None:
    with local_model(lambda _: Said("Hello")) as gone:
        url = gone.url
    with pytest.raises(CallFailed, match="openai/x: "):
        _call("openai/x", url)


def test_a_provider_that_litellm_does_not_know_is_an_error() -> None:
    with pytest.raises(CallFailed, match="nobody/x"):
        _call("nobody/x", retries=2)


def test_the_offline_stand_in_answers_through_litellm_without_a_server() -> None:
    called = _call("offline/app")
    assert called.text
    assert (called.input_tokens, called.output_tokens) == (2, len(called.text.split()))
    assert called.cost_usd == 0


def test_an_unknown_offline_model_is_told_with_those_there_are() -> None:
    with pytest.raises(CallFailed, match="offline/nope does not exist; there are app, judge, improver"):
        _call("offline/nope", retries=2)


def test_only_what_the_request_says_reaches_the_model() -> None:
    with local_model(lambda _: Said("Hello")) as server:
        _call("openai/x", server.url)
    assert _without_stream(server) == [{"model": "x", "messages": [{"role": "user", "content": "Hi there"}]}]


def _without_stream(server: LocalModel) -> list[dict[str, Any]]:
    return [{k: v for k, v in body.items() if k != "stream"} for body in server.bodies]
