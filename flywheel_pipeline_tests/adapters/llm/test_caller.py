"""Faults of a provider over real HTTP: what is tried again, what stops the run, and that every request is counted."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest

from flywheel_pipeline.adapters.llm import Budget, Price
from flywheel_pipeline.adapters.llm import caller as caller_module
from flywheel_pipeline.errors import BudgetError, ModelError, SettingsError
from flywheel_pipeline_tests.adapters.llm.clients import MILLION, PRICED, Bench, Verdict, an_ask, echo
from flywheel_pipeline_tests.adapters.llm.scripted_server import Said, question_of, scripted_server

COVERS = ("adapters/llm/caller.py", "adapters/llm/budget.py", "adapters/llm/direct.py")


def once(first: Said) -> Any:
    """A server that gives every question `first`, and an answer when it is asked again."""
    seen: set[str] = set()

    def answer(body: dict[str, Any]) -> Said:
        question = question_of(body)
        known = question in seen
        seen.add(question)
        return echo(body) if known or question == "warm" else first

    return answer


FAULTS = [
    Said(status=429, after="0"),
    Said(status=500),
    Said(status=503, after=None),
    Said(status=408),
    Said(body=b"<html>Bad gateway</html>"),
    Said(body=b'{"choices": []}'),
    Said(body=b'{"id": "1", "choices": [{"message": {"content": "cut'),
    Said(body=b"[]"),
    Said(body=b""),
    Said(disconnect=True),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f.status} {(f.body or b'')[:12]!r} {f.disconnect}")
def test_a_fault_that_passes_is_tried_again_and_both_requests_are_logged(bench: Bench, fault: Said) -> None:
    with scripted_server(once(fault)) as server:
        replies = bench.client(server, retries=1).ask([an_ask("warm"), an_ask("Hi")])
    assert [r.text for r in replies] == ["You said warm.", "You said Hi."]
    assert len(server.bodies) == len(bench.calls) == 3
    assert [(c.attempt, c.error is None) for c in bench.calls if c.attempt > 1 or c.error] == [(1, False), (2, True)]


def test_a_server_that_asks_for_no_pause_and_goes_on_to_refuse_is_not_asked_for_ever(bench: Bench) -> None:
    fault = Said(status=429, after="0")
    with scripted_server(lambda b: fault if question_of(b) == "Hi" else echo(b)) as server:
        _, reply = bench.client(server, timeout_seconds=0.3).ask([an_ask("warm"), an_ask("Hi")])
    assert "HTTP 429" in (reply.error or "")
    assert 5 < len(server.bodies) < 20  # in ten times the timeout, with pauses that double


def test_a_fault_that_stays_is_an_error_of_its_question_with_every_request_logged(bench: Bench) -> None:
    with scripted_server(lambda b: Said(status=503) if question_of(b) == "Hi" else echo(b)) as server:
        warm, reply = bench.client(server, retries=2).ask([an_ask("warm"), an_ask("Hi")])
    assert warm.error is None
    assert "HTTP 503" in (reply.error or "") and "openai/x" in (reply.error or "")
    assert len(server.bodies) == len(bench.calls) == 4


def test_a_rate_limit_is_waited_for_however_often_it_is_hit(bench: Bench) -> None:
    said = itertools.chain([Said("ok")] + [Said(status=429, after="0")] * 7, itertools.repeat(Said("Hello")))
    with scripted_server(lambda _: next(said)) as server:
        replies = bench.client(server, retries=0, concurrency=1).ask([an_ask("warm"), an_ask("Hi")])
    assert [r.error for r in replies] == [None, None]
    assert len(server.bodies) == 9


def test_the_wait_is_what_the_provider_asks_for(bench: Bench) -> None:
    replies = iter([Said(status=429, after="0.3"), Said("Hello")])
    with scripted_server(lambda _: next(replies)) as server:
        assert bench.client(server).ask([an_ask("Hi")])[0].text == "Hello"
    assert 0.3 <= server.times[1] - server.times[0] < 2


def test_a_rate_limit_that_lasts_for_hours_is_an_error_at_once(bench: Bench) -> None:
    with scripted_server(lambda b: Said(status=429, after="7200") if question_of(b) == "Hi" else echo(b)) as server:
        started = time.monotonic()
        replies = bench.client(server).ask([an_ask("warm"), an_ask("Hi")])
    assert time.monotonic() - started < 5
    assert "HTTP 429" in (replies[1].error or "")
    assert len(server.bodies) == 2


def test_a_spent_quota_is_no_rate_limit(bench: Bench) -> None:
    body = b'{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}'
    with scripted_server(lambda _: Said(status=429, body=body)) as server, pytest.raises(ModelError, match="quota"):
        bench.client(server).ask([an_ask(f"q{i}") for i in range(9)])
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        (Said("The model `gone` does not exist", status=404), "does not exist"),
        (Said("Incorrect API key provided", status=401), "the key is read from OPENAI_API_KEY"),
        (Said("Forbidden", status=403), "the key is read from OPENAI_API_KEY"),
    ],
)
def test_a_model_that_cannot_be_called_costs_one_request_and_stops_the_run(bench: Bench, said: Said, hint: str) -> None:
    with scripted_server(lambda _: said) as server, pytest.raises(ModelError, match=hint):
        bench.client(server, retries=4, concurrency=64).ask([an_ask(f"q{i}") for i in range(400)])
    assert len(server.bodies) == len(bench.calls) == 1


def test_an_endpoint_that_is_down_stops_the_run_within_a_second(bench: Bench) -> None:
    with scripted_server(echo) as gone:
        pass
    started = time.monotonic()
    with pytest.raises(ModelError, match=r"nothing answers at http://127\.0\.0\.1"):
        bench.client(gone, retries=4).ask([an_ask(f"q{i}") for i in range(400)])
    assert time.monotonic() - started < 2
    assert bench.calls == []  # no server counted anything


def test_a_model_that_refuses_its_first_questions_is_given_up_after_three(bench: Bench) -> None:
    said = Said("not a valid model ID", status=400)
    with scripted_server(lambda _: said) as server, pytest.raises(ModelError, match="not a valid model ID"):
        bench.client(server, retries=4, concurrency=64).ask([an_ask(f"q{i}") for i in range(400)])
    assert len(server.bodies) == 3


def test_a_model_that_stops_working_is_given_up_and_what_it_answered_is_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller_module, "GIVE_UP", 5)
    said = itertools.chain([Said("Hello")] * 10, itertools.repeat(Said(status=500)))
    with scripted_server(lambda _: next(said)) as server:
        with pytest.raises(ModelError, match="HTTP 500"):
            bench.client(server, concurrency=2).ask([an_ask(f"q{i}") for i in range(400)])
        assert len(server.bodies) < 25
    assert sum(c.error is None for c in bench.calls) == 10


def test_a_judge_that_does_not_exist_costs_one_request_although_the_app_answers(bench: Bench) -> None:
    def answer(body: dict[str, Any]) -> Said:
        return Said("no such model", status=404) if "response_format" in body else echo(body)

    with scripted_server(answer) as server:
        client = bench.client(server, concurrency=8)

        async def work(i: int) -> None:
            reply = await client.reply(an_ask(f"q{i}"))
            await client.reply(an_ask(reply.text or "", Verdict))

        with pytest.raises(ModelError):
            client.map(work, range(400))
        assert sum("response_format" in b for b in server.bodies) == 1
        assert len(server.bodies) < 30


def test_a_server_without_keys_is_sent_none(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with scripted_server(echo) as server:
        bench.client(server).ask([an_ask("Hi")])
        monkeypatch.setenv("MY_KEY", "k-1")
        bench.client(server, api_key_env="MY_KEY").ask([an_ask("Hello")])
    assert ["Authorization" in h for h in server.headers] == [False, True]
    assert server.headers[1]["Authorization"] == "Bearer k-1"


def test_a_reply_that_never_comes_is_given_up_by_the_latencies_seen_and_asked_again(bench: Bench) -> None:
    hung: set[str] = set()

    def answer(body: dict[str, Any]) -> Said:
        question = question_of(body)
        if question in ("q1", "q7", "q120") and question not in hung:
            hung.add(question)
            return Said("late", seconds=30)
        return echo(body)

    with scripted_server(answer) as server:
        started = time.monotonic()
        replies = bench.client(server, retries=1, timeout_seconds=25, concurrency=8).ask(
            [an_ask(f"q{i}") for i in range(150)]
        )
        took = time.monotonic() - started
    assert [r.error for r in replies] == [None] * 150
    assert took < 15  # 25 seconds and more without what was learned
    assert len(server.bodies) == len(bench.calls) == 153
    assert sum("no answer in" in (c.error or "") for c in bench.calls) == 3


def test_the_limit_shrinks_on_429_only(bench: Bench) -> None:
    said = itertools.chain([Said("Hi")] + [Said(status=500)] * 6, itertools.repeat(Said("Hi")))
    throttled = itertools.chain([Said(status=429, after="0")], itertools.repeat(Said("Hi")))
    with scripted_server(lambda b: next(throttled if question_of(b) == "one more" else said)) as server:
        client = bench.client(server, retries=6, concurrency=8)
        client.ask([an_ask(f"q{i}") for i in range(8)])
        assert client._limiters[server.url].limit == 8
        client.ask([an_ask("one more")])
        assert 4 <= client._limiters[server.url].limit < 5


def test_usage_that_is_not_reported_is_unknown_and_still_counts_for_the_budget(bench: Bench) -> None:
    long = "word " * 1_000_000
    with scripted_server(lambda _: Said(long, tokens=None)) as server:
        client = bench.client(server, PRICED, Budget(budget_usd=0.3), concurrency=1)
        with pytest.raises(BudgetError):
            client.ask([an_ask(f"q{i}") for i in range(9)])
    assert len(server.bodies) < 4
    assert {c.cost_usd for c in bench.calls} == {None}


def test_a_spent_budget_ends_the_run_and_what_is_finished_stays_paid_for(bench: Bench) -> None:
    asks = [an_ask(f"q{i}") for i in range(5)]
    with scripted_server(lambda _: Said("Hello", tokens=MILLION)) as server:
        with pytest.raises(BudgetError, match=r"budget \(0\.2 USD\) is spent.*llm\.budget_usd"):
            bench.client(server, PRICED, Budget(budget_usd=0.20), concurrency=1).ask(asks)
        assert server.questions == ["q0", "q1"]
        assert len(bench.calls) == 2
        replies = bench.client(server, PRICED, Budget(budget_usd=1), concurrency=1).ask(asks)
    assert [r.cached for r in replies] == [True, True, False, False, False]
    assert sorted(server.questions) == ["q0", "q1", "q2", "q3", "q4"]


def test_calls_in_flight_count_before_they_end(bench: Bench) -> None:
    asks, said = [an_ask(f"q{i}") for i in range(64)], Said("Hello", tokens=MILLION, seconds=0.05)
    with scripted_server(lambda _: said) as server, pytest.raises(BudgetError):
        bench.client(server, PRICED, Budget(budget_usd=0.60), concurrency=64).ask(asks)
    assert len(server.bodies) == 4
    assert sum(c.cost_usd or 0 for c in bench.calls) == pytest.approx(0.60)


def test_the_budget_is_for_all_asks_of_a_client_and_cached_answers_need_none(bench: Bench) -> None:
    with scripted_server(lambda _: Said("Hello", tokens=MILLION)) as server:
        client = bench.client(server, PRICED, Budget(budget_usd=0.15))
        client.ask([an_ask("q0")])
        assert client.ask([an_ask("q0")])[0].cached
        with pytest.raises(BudgetError):
            client.ask([an_ask("q1")])


@pytest.mark.parametrize(
    ("budget", "key", "n"),
    [
        (Budget(max_calls=3), "llm.max_calls", 3),
        (Budget(daily_max_calls=10, day_calls=8), "llm.daily_max_calls", 2),
        (Budget(turn_max_calls=10, turn_calls=7), "llm.turn_max_calls", 3),
        (Budget(turn_budget_usd=1.0, turn_spent_usd=0.8), "llm.turn_budget_usd", 2),
        (Budget(daily_budget_usd=1.0, day_spent_usd=0.8), "llm.daily_budget_usd", 2),
    ],
)
def test_every_limit_names_the_setting_that_raises_it(bench: Bench, budget: Budget, key: str, n: int) -> None:
    with scripted_server(lambda _: Said("Hello", tokens=MILLION)) as server, pytest.raises(BudgetError, match=key):
        bench.client(server, PRICED, budget, concurrency=1).ask([an_ask(f"q{i}") for i in range(9)])
    assert len(server.bodies) == n


def test_requests_that_are_made_again_count_for_the_limit_on_calls(bench: Bench) -> None:
    with scripted_server(lambda _: Said(status=500)) as server, pytest.raises(BudgetError):
        bench.client(server, None or PRICED, Budget(max_calls=2), retries=4).ask([an_ask("Hi")])
    assert len(server.bodies) == 2


def test_a_model_without_a_known_price_stops_before_the_first_request(bench: Bench) -> None:
    with scripted_server(echo) as server:
        with pytest.raises(SettingsError, match=r"No price is known for openai/x.*price: .*budget_usd: 0"):
            bench.client(server, budget=Budget(budget_usd=5)).ask([an_ask("Hi")])
        assert server.bodies == []
        assert bench.client(server, budget=Budget(max_calls=5)).ask([an_ask("Hi")])[0].cost_usd is None


def test_a_price_from_the_settings_makes_the_budget_hold(bench: Bench) -> None:
    price = Price.per_million(1.0, 2.0)
    with scripted_server(lambda _: Said("Hello", tokens=(500_000, 250_000))) as server, pytest.raises(BudgetError):
        bench.client(server, budget=Budget(budget_usd=2), price=price, concurrency=1).ask(
            [an_ask(f"q{i}") for i in range(9)]
        )
    assert [c.cost_usd for c in bench.calls] == [1.0, 1.0]


def test_a_model_that_is_free_by_its_price_needs_no_usage(bench: Bench) -> None:
    with scripted_server(lambda _: Said("Hello", tokens=None)) as server:
        free = Price.per_million(0, 0)
        (reply,) = bench.client(server, budget=Budget(budget_usd=1), price=free).ask([an_ask("Hi")])
    assert (reply.cost_usd, reply.text) == (0.0, "Hello")


def test_the_log_agrees_with_the_server_call_by_call_through_every_fault(bench: Bench) -> None:
    faults = itertools.cycle([None, None, Said(status=500), None, Said(status=429), None, Said(disconnect=True), None])

    def answer(body: dict[str, Any]) -> Said:
        return next(faults) or Said("Hello", tokens=(7, 3))

    with scripted_server(answer) as server:
        replies = bench.client(server, retries=6, concurrency=8).ask([an_ask(f"q{i}") for i in range(60)])
    assert [r.error for r in replies] == [None] * 60
    assert len(bench.calls) == len(server.bodies)
    answered = [s for s in server.said if s.status == 200 and not s.disconnect]
    assert sum(c.input_tokens for c in bench.calls) == 7 * len(answered) == 7 * 60
    assert sum(c.output_tokens for c in bench.calls) == 3 * len(answered)
