"""The engine over real HTTP: every reply once, in order, in its shape, and no error taken for a reply."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.adapters.llm import ModelClient, ReplyStore
from flywheel_pipeline.errors import ModelError, SettingsError
from flywheel_pipeline.ports import Ask, Reply
from flywheel_pipeline.records import LLMCall
from flywheel_pipeline_tests.adapters.llm.clients import (
    MILLION,
    PRICED,
    Bench,
    Verdict,
    a_model,
    an_ask,
    echo,
    some_limits,
)
from flywheel_pipeline_tests.adapters.llm.scripted_server import Said, question_of, scripted_server
from flywheel_pipeline_tests.builders import NOON

COVERS = ("adapters/llm/client.py", "adapters/llm/request.py")


def test_all_asks_are_answered_in_order(bench: Bench) -> None:
    with scripted_server(echo) as server:
        replies = bench.client(server, concurrency=4).ask([an_ask(f"q{i}") for i in range(20)])
    assert [r.text for r in replies] == [f"You said q{i}." for i in range(20)]
    assert all(r.error is None and not r.cached and r.latency_ms > 0 for r in replies)
    assert sorted(server.questions) == sorted(f"q{i}" for i in range(20))


def test_no_asks_are_no_calls(bench: Bench) -> None:
    assert bench.client(None).ask([]) == []
    assert bench.calls == []


@pytest.mark.parametrize(
    "text",
    [
        '{"label": "fail", "explanation": "made up"}',
        'Here is my verdict:\n{"label": "fail", "explanation": "made up"}\nI hope that it helps!',
        '```json\n{"label": "fail",\n "explanation": "made up"}\n```',
        '\ufeff  {"label": "fail", "explanation": "made up", "confidence": 1}',
    ],
)
def test_a_reply_in_the_shape_asked_for_is_parsed_whatever_is_around_it(bench: Bench, text: str) -> None:
    with scripted_server(lambda _: Said(text)) as server:
        (reply,) = bench.client(server).ask([an_ask("Judge.", Verdict)])
        (again,) = bench.client(server).ask([an_ask("Judge.", Verdict)])
    assert reply.error is None
    assert reply.parsed == again.parsed == Verdict(label="fail", explanation="made up")
    assert len(server.bodies) == 1
    assert server.bodies[0]["response_format"]["json_schema"]["name"] == "Verdict"


@pytest.mark.parametrize("text", ["It fails, I think.", '{"label": "maybe"}', '{"label": ', "[]", "{}{}"])
def test_an_unparseable_reply_is_asked_once_more_then_reported_and_not_kept(bench: Bench, text: str) -> None:
    with scripted_server(lambda _: Said(text)) as server:
        (reply,) = bench.client(server).ask([an_ask("Judge.", Verdict)])
        assert len(server.bodies) == 2
        bench.client(server).ask([an_ask("Judge.", Verdict)])
        assert len(server.bodies) == 4
    assert (reply.text, reply.parsed) == (None, None)
    assert "reply does not fit Verdict" in (reply.error or "")
    assert len(bench.calls) == 4
    assert all("reply does not fit Verdict" in (c.error or "") for c in bench.calls)


def test_a_second_reply_in_the_right_shape_counts_and_is_kept_for_the_question_as_asked(bench: Bench) -> None:
    texts = iter(["It fails.", '{"label": "fail"}'])
    with scripted_server(lambda _: Said(next(texts), tokens=MILLION)) as server:
        (reply,) = bench.client(server, PRICED).ask([an_ask("Judge.", Verdict)])
        (again,) = bench.client(server, PRICED).ask([an_ask("Judge.", Verdict)])
    assert reply.parsed == again.parsed == Verdict(label="fail")
    assert reply.cost_usd == again.cost_usd == pytest.approx(0.30)
    assert again.cached
    roles = [m["role"] for m in server.bodies[1]["messages"]]
    assert roles == ["user", "assistant", "user"]
    assert server.bodies[1]["messages"][1]["content"] == "It fails."
    assert [bool(c.error) for c in bench.calls] == [True, False, False]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Said("The hub needs", finish="length"), "cut off at max_tokens"),
        (Said("", finish="content_filter"), "not finished (finish_reason content_filter)"),
        (Said("Half of it", finish="content_filter"), "not finished (finish_reason content_filter)"),
        (Said("Half of it", finish="MAX_TOKENS"), "cut off at max_tokens"),
        (Said(""), "the reply is empty"),
        (Said(None), "the reply is empty"),
        (Said(" \n"), "the reply is empty"),
    ],
)
def test_a_reply_that_is_no_answer_is_an_error_with_its_reason_and_is_asked_again(
    bench: Bench, said: Said, reason: str
) -> None:
    replies = iter([said, said, Said("Hello")])
    with scripted_server(lambda _: next(replies)) as server:
        for _ in range(2):
            (reply,) = bench.client(server).ask([an_ask("Hi")])
            assert (reply.text, reply.cached) == (None, False)
            assert reason in (reply.error or "")
        assert bench.client(server).ask([an_ask("Hi")])[0].text == "Hello"
    assert [c.error is None for c in bench.calls] == [False, False, True]
    assert bench.calls[0].finish_reason == said.finish


@pytest.mark.parametrize("reason", [None, "stop", "eos_token", "STOP", "end_turn"])
def test_servers_may_call_the_end_of_a_whole_reply_what_they_like(bench: Bench, reason: str | None) -> None:
    with scripted_server(lambda _: Said("Hello", finish=reason)) as server:
        assert bench.client(server).ask([an_ask("Hi")])[0].text == "Hello"


def test_a_cut_off_verdict_is_not_read_although_it_is_json(bench: Bench) -> None:
    with scripted_server(lambda _: Said('{"label": "pass"}', finish="length")) as server:
        (reply,) = bench.client(server).ask([an_ask("Judge.", Verdict)])
    assert (reply.parsed, len(server.bodies)) == (None, 1)


def test_tool_calls_without_text_are_a_reply(bench: Bench) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "find_order", "arguments": "{}"}}
    tool = {"type": "function", "function": {"name": "find_order", "parameters": {"type": "object"}}}
    ask = Ask("app", ({"role": "user", "content": "Where is it?"},), tools=(tool,))
    with scripted_server(lambda _: Said(None, finish="tool_calls", tool_calls=(call,))) as server:
        (reply,) = bench.client(server).ask([ask])
        (again,) = bench.client(server).ask([ask])
    assert server.bodies[0]["tools"] == [tool]
    assert reply.tool_calls == again.tool_calls == (call,)
    assert (reply.error, len(server.bodies)) == (None, 1)


def test_an_error_of_the_provider_stays_with_its_ask_is_logged_and_not_kept(bench: Bench) -> None:
    def answer(body: dict[str, Any]) -> Said:
        return Said("no such thing", status=400) if question_of(body) == "bad" else echo(body)

    with scripted_server(answer) as server:
        client = bench.client(server, concurrency=1)
        good, bad, last = client.ask([an_ask("good"), an_ask("bad"), an_ask("last")])
        assert (good.text, last.text) == ("You said good.", "You said last.")
        assert (bad.text, bad.parsed, bad.cached) == (None, None, False)
        assert "no such thing" in (bad.error or "")
        assert sorted(c.error or "" for c in bench.calls) == ["", "", bad.error]
        bench.batches.clear()
        client.ask([an_ask("good"), an_ask("bad"), an_ask("last")])
    assert sorted(server.questions) == ["bad", "bad", "good", "last"]
    assert sorted(c.cached for c in bench.calls) == [False, True, True]


def test_as_many_calls_are_in_flight_as_allowed_and_never_more(bench: Bench) -> None:
    with scripted_server(lambda body: Said("Hello", seconds=0.03)) as server:
        replies = bench.client(server, concurrency=3).ask([an_ask(f"q{i}") for i in range(12)])
    assert [r.error for r in replies] == [None] * 12
    assert server.most_in_flight == 3


def test_a_question_asked_before_is_answered_from_the_store_also_by_another_client(bench: Bench) -> None:
    with scripted_server(lambda _: Said("Hello", tokens=MILLION)) as server:
        (first,) = bench.client(server, PRICED).ask([an_ask("Hi")])
        (second,) = bench.client(server, PRICED).ask([an_ask("Hi")])
    assert len(server.bodies) == 1
    assert first.cost_usd == second.cost_usd == pytest.approx(0.15)
    assert (second.text, second.cached, second.latency_ms) == ("Hello", True, first.latency_ms)
    paid, free = bench.calls
    assert (paid.cached, paid.input_tokens) == (False, 1_000_000)
    assert paid.cost_usd == pytest.approx(0.15)
    assert free == LLMCall(NOON, "app", PRICED, 0, 0, 0.0, first.latency_ms, True, None)


def test_the_same_question_twice_in_one_call_is_asked_once_and_paid_once(bench: Bench) -> None:
    with scripted_server(echo) as server:
        replies = bench.client(server).ask([an_ask("a"), an_ask("b"), an_ask("a")])
    assert [r.text for r in replies] == ["You said a.", "You said b.", "You said a."]
    assert len(server.bodies) == 2
    assert sorted(r.cached for r in replies) == [False, False, True]


def test_every_repeat_of_a_question_is_a_call_of_its_own_and_none_is_made_twice(bench: Bench) -> None:
    texts = iter("abcdef")
    with scripted_server(lambda _: Said(next(texts))) as server:
        first = bench.client(server).ask([an_ask("Hi", repeat=k) for k in range(3)])
        assert len(server.bodies) == 3
        again = bench.client(server).ask([an_ask("Hi", repeat=k) for k in range(3)])
    assert len(server.bodies) == 3
    assert sorted(r.text or "" for r in first) == ["a", "b", "c"]
    assert [r.text for r in again] == [r.text for r in first]


def test_another_model_prompt_or_shape_is_another_question(bench: Bench) -> None:
    with scripted_server(lambda _: Said('{"label": "pass"}')) as server:
        for model in ("openai/x", "openai/y"):
            bench.client(server, model).ask([an_ask("Hi"), an_ask("Hi!"), an_ask("Hi", Verdict)])
    assert len(server.bodies) == 6


def test_parameters_go_into_every_request_and_decide_the_reply(bench: Bench) -> None:
    with scripted_server(echo) as server:
        bench.client(server).ask([an_ask("Hi")])
        bench.client(server, parameters={"top_p": 0.5, "seed": 1}).ask([an_ask("Hi")])
    assert [b.get("top_p") for b in server.bodies] == [None, 0.5]


def test_only_what_was_asked_reaches_the_model(bench: Bench) -> None:
    with scripted_server(echo) as server:
        bench.client(server).ask([an_ask("Hi")])
    messages = [{"role": "user", "content": "Hi"}]
    assert server.bodies == [{"model": "x", "messages": messages, "temperature": 0.0, "max_tokens": 4000}]


def test_ask_works_inside_a_running_event_loop_and_its_errors_come_out(bench: Bench) -> None:
    async def inside(client: ModelClient, question: str) -> list[Reply]:
        return client.ask([an_ask(question)])

    with scripted_server(lambda body: Said(status=401) if question_of(body) == "bad" else echo(body)) as server:
        assert asyncio.run(inside(bench.client(server), "Hi"))[0].text == "You said Hi."
        with pytest.raises(ModelError):
            asyncio.run(inside(bench.client(server), "bad"))


def test_work_may_ask_several_models_and_results_keep_their_order(bench: Bench) -> None:
    with scripted_server(echo) as server:
        client = bench.client(server, concurrency=4)

        async def work(i: int) -> str:
            first = await client.reply(an_ask(f"q{i}"))
            second = await client.reply(an_ask(first.text or ""))
            return f"{i}: {second.text}"

        found = client.map(work, range(10))
    assert found == [f"{i}: You said You said q{i}.." for i in range(10)]
    assert len(server.bodies) == 20


def test_an_exception_of_the_work_ends_it_and_calls_in_flight_are_finished_and_kept(bench: Bench) -> None:
    ready = threading.Event()

    def answer(body: dict[str, Any]) -> Said:
        ready.set()
        return Said("late", seconds=0.2 if question_of(body) == "slow" else 0)

    with scripted_server(answer) as server:
        client = bench.client(server)
        client.ask([an_ask("first")])
        ready.clear()

        async def work(question: str) -> str:
            if question == "broken":
                while not ready.is_set():
                    await asyncio.sleep(0.005)
                raise ZeroDivisionError
            return (await client.reply(an_ask(question))).text or ""

        with pytest.raises(ZeroDivisionError):
            client.map(work, ["slow", "broken"])
        assert client.ask([an_ask("slow")])[0].cached
    assert server.questions == ["first", "slow"]
    assert [c.error for c in bench.calls if not c.cached] == [None, None]


def test_after_an_error_no_question_that_waits_for_its_turn_is_asked(bench: Bench) -> None:
    with scripted_server(lambda body: Said("Hello", seconds=0.1)) as server:
        client = bench.client(server, concurrency=2)
        client.ask([an_ask("first")])

        async def work(i: int) -> None:
            if i == 3:
                while len(server.bodies) < 3:
                    await asyncio.sleep(0.005)
                raise ZeroDivisionError
            await client.reply(an_ask(f"q{i}"))

        with pytest.raises(ZeroDivisionError):
            client.map(work, range(4))
    assert len(server.bodies) == 3  # q0 and q1 were in flight, q2 was waiting


def test_an_error_during_a_long_pause_ends_at_once(bench: Bench) -> None:
    with scripted_server(lambda b: Said(status=429, after="90") if question_of(b) == "Hi" else echo(b)) as server:
        client = bench.client(server)
        client.ask([an_ask("first")])
        started = time.monotonic()

        async def work(question: str) -> None:
            if question == "broken":
                while len(server.bodies) < 2:
                    await asyncio.sleep(0.005)
                await asyncio.sleep(0.05)
                raise ZeroDivisionError
            await client.reply(an_ask(question))

        with pytest.raises(ZeroDivisionError):
            client.map(work, ["Hi", "broken", "other"])
    assert time.monotonic() - started < 10


def test_reply_outside_of_map_is_a_mistake_of_the_caller(bench: Bench) -> None:
    with pytest.raises(RuntimeError, match="outside"):
        asyncio.run(bench.client(None).reply(an_ask("Hi")))


def test_a_role_without_a_model_is_an_error_that_lists_the_roles(bench: Bench) -> None:
    with pytest.raises(SettingsError, match="'improver'; roles: app, judge"):
        bench.client(None).ask([Ask("improver", ({"role": "user", "content": "Hi"},))])


def test_the_stand_in_says_once_which_roles_it_plays_and_that_it_is_no_language_model(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    models = {role: a_model("offline/app") for role in ("first role", "second role")}
    client = ModelClient(models, ReplyStore(tmp_path / "r.sqlite"), some_limits(), lambda: NOON, lambda *_: None)
    for role in ("first role", "first role", "second role"):
        client.ask([Ask(role, ({"role": "user", "content": "Hi"},))])
    lines = [r.getMessage().split(":")[0] for r in caplog.records if "stand-in" in r.getMessage()]
    assert lines == ["the offline stand-in answers as first role, second role"]


def test_a_question_of_odd_letters_is_asked_as_it_is_and_its_answer_kept_as_it_is(bench: Bench) -> None:
    text = "größe 😀 \x00 \u2028 '\" \ud83d"
    with scripted_server(lambda _: Said(text)) as server:
        replies = [bench.client(server).ask([an_ask(text)])[0] for _ in range(2)]
    assert server.questions == [text]
    assert [(r.text, r.cached) for r in replies] == [(text, False), (text, True)]


def test_two_processes_on_one_store_see_each_others_replies(bench: Bench) -> None:
    with scripted_server(echo) as server:
        first, second = bench.client(server), bench.client(server)
        assert not second.ask([an_ask("other")])[0].cached
        first.ask([an_ask("Hi")])
        assert second.ask([an_ask("Hi")])[0].cached
    assert len(server.bodies) == 2


def test_a_thousand_cached_replies_take_well_under_a_second(bench: Bench) -> None:
    asks = [an_ask(f"q{i}") for i in range(1000)]
    with scripted_server(echo) as server:
        bench.client(server, concurrency=32).ask(asks)
        started = time.process_time()
        assert all(r.cached for r in bench.client(server).ask(asks))
        assert time.process_time() - started < 1.5
    assert len(server.bodies) == 1000
