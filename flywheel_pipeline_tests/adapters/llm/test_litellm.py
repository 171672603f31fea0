"""The `LLM` port through the real litellm against a model on this machine."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from flywheel_pipeline.adapters.llm import Limits, LiteLLM, ReplyCache, RoleModel
from flywheel_pipeline.errors import BudgetError, SettingsError
from flywheel_pipeline.ports import Ask, Reply
from flywheel_pipeline.records import LLMCall
from flywheel_pipeline_tests.adapters.llm.local_model import LocalModel, Said, local_model, question_of
from flywheel_pipeline_tests.builders import NOON

PRICED = "openai/gpt-4o-mini"
MILLION = (1_000_000, 0)  # tokens of 0.15 USD


class Verdict(BaseModel):
    label: Literal["pass", "fail"]
    explanation: str = ""


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "no-key")


@dataclass
class Bench:
    """A folder for the cache, and the calls that clients on it logged."""

    root: Path
    calls: list[LLMCall] = field(default_factory=list)

    def client(self, server: LocalModel | None, model: str = "openai/x", **limits: Any) -> LiteLLM:
        role = RoleModel(model, api_base=server.url if server else None)
        bounds = Limits(**{"retries": 0, "timeout_seconds": 10, **limits})
        models = {"app": role, "judge": role}
        return LiteLLM(models, ReplyCache(self.root), bounds, lambda: NOON, self.calls.extend)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "llm_cache")


def _ask(question: str, schema: type[BaseModel] | None = None) -> Ask:
    return Ask("judge" if schema else "app", ({"role": "user", "content": question},), schema)


def _echo(body: dict[str, Any]) -> Said:
    return Said(f"You said {question_of(body)}.")


def test_all_asks_are_answered_in_order(bench: Bench) -> None:
    with local_model(_echo) as server:
        replies = bench.client(server, concurrency=4).ask([_ask(f"q{i}") for i in range(20)])
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
    with local_model(lambda _: Said(text)) as server:
        (reply,) = bench.client(server).ask([_ask("Judge.", Verdict)])
        (again,) = bench.client(server).ask([_ask("Judge.", Verdict)])
    assert reply.error is None
    assert reply.parsed == again.parsed == Verdict(label="fail", explanation="made up")
    assert len(server.bodies) == 1
    assert server.bodies[0]["response_format"]["json_schema"]["name"] == "Verdict"


@pytest.mark.parametrize("text", ["It fails, I think.", '{"label": "maybe"}', '{"label": ', "[]", "", "{}{}"])
def test_a_malformed_reply_is_asked_once_more_then_told_and_not_kept(bench: Bench, text: str) -> None:
    with local_model(lambda _: Said(text)) as server:
        (reply,) = bench.client(server).ask([_ask("Judge.", Verdict)])
        assert len(server.bodies) == 2
        bench.client(server).ask([_ask("Judge.", Verdict)])
        assert len(server.bodies) == 4
    assert (reply.text, reply.parsed) == (None, None)
    assert "reply does not fit Verdict" in (reply.error or "")
    assert len(bench.calls) == 4
    assert all("reply does not fit Verdict" in (c.error or "") for c in bench.calls)


def test_a_second_reply_in_the_right_shape_counts_and_is_kept_for_the_question_as_asked(bench: Bench) -> None:
    texts = iter(["It fails.", '{"label": "fail"}'])
    with local_model(lambda _: Said(next(texts))) as server:
        (reply,) = bench.client(server).ask([_ask("Judge.", Verdict)])
        (again,) = bench.client(server).ask([_ask("Judge.", Verdict)])
    assert reply.parsed == again.parsed == Verdict(label="fail")
    assert again.cached
    roles = [m["role"] for m in server.bodies[1]["messages"]]
    assert roles == ["user", "assistant", "user"]
    assert server.bodies[1]["messages"][1]["content"] == "It fails."
    assert [bool(c.error) for c in bench.calls] == [True, False, False]


def test_overload_and_server_faults_are_tried_again(bench: Bench) -> None:
    seen: set[str] = set()

    def answer(body: dict[str, Any]) -> Said:
        question = question_of(body)
        first = question not in seen
        seen.add(question)
        return Said(status=int(question)) if first else Said("Hello")

    with local_model(answer) as server:
        replies = bench.client(server, retries=1).ask([_ask(s) for s in ("408", "429", "500", "502", "503")])
    assert [r.text for r in replies] == ["Hello"] * 5
    assert len(server.bodies) == 10
    assert [c.error for c in bench.calls] == [None] * 5


def test_a_wrong_key_is_not_tried_again(bench: Bench) -> None:
    with local_model(lambda _: Said("bad key", status=401)) as server:
        (reply,) = bench.client(server, retries=3).ask([_ask("Hi")])
    assert len(server.bodies) == 1
    assert "AuthenticationError" in (reply.error or "")
    assert "openai/x" in (reply.error or "")


def test_an_error_of_the_provider_stays_with_its_ask_is_logged_and_not_kept(bench: Bench) -> None:
    def answer(body: dict[str, Any]) -> Said:
        return Said("no such thing", status=404) if question_of(body) == "bad" else _echo(body)

    with local_model(answer) as server:
        client = bench.client(server, concurrency=1)
        good, bad, last = client.ask([_ask("good"), _ask("bad"), _ask("last")])
        assert (good.text, last.text) == ("You said good.", "You said last.")
        assert (bad.text, bad.parsed, bad.cached) == (None, None, False)
        assert "no such thing" in (bad.error or "")
        client.ask([_ask("good"), _ask("bad"), _ask("last")])
    assert server.questions == ["good", "bad", "last", "bad"]
    assert [c.error for c in bench.calls[:3]] == [None, bad.error, None]
    assert [c.cached for c in bench.calls[3:]] == [True, False, True]


def test_as_many_calls_are_in_flight_as_allowed_and_never_more(bench: Bench) -> None:
    together = threading.Barrier(3)

    def answer(body: dict[str, Any]) -> Said:
        together.wait(timeout=10)
        time.sleep(0.02)
        return _echo(body)

    with local_model(answer) as server:
        replies = bench.client(server, concurrency=3).ask([_ask(f"q{i}") for i in range(12)])
    assert [r.error for r in replies] == [None] * 12
    assert server.most_in_flight == 3


def test_a_question_asked_before_is_answered_from_the_cache_at_no_cost_also_by_another_client(bench: Bench) -> None:
    with local_model(lambda _: Said("Hello", tokens=MILLION)) as server:
        (first,) = bench.client(server, PRICED).ask([_ask("Hi")])
        other = bench.client(server, PRICED)
        (second,) = other.ask([_ask("Hi")])
    assert len(server.bodies) == 1
    assert first.cost_usd == pytest.approx(0.15)
    assert second == Reply("Hello", cached=True)
    assert other.spent_usd == 0
    paid, free = bench.calls
    assert (paid.cached, paid.input_tokens, paid.cost_usd) == (False, 1_000_000, pytest.approx(0.15))
    assert free == LLMCall(NOON, "app", PRICED, 0, 0, 0.0, 0.0, True, None)


def test_the_same_question_twice_in_one_call_is_asked_once(bench: Bench) -> None:
    with local_model(_echo) as server:
        replies = bench.client(server).ask([_ask("a"), _ask("b"), _ask("a")])
        assert [r.text for r in replies] == ["You said a.", "You said b.", "You said a."]
        assert len(server.bodies) == 2


def test_another_model_prompt_or_shape_is_another_question(bench: Bench) -> None:
    with local_model(lambda _: Said('{"label": "pass"}')) as server:
        for model in ("openai/x", "openai/y"):
            bench.client(server, model).ask([_ask("Hi"), _ask("Hi!"), _ask("Hi", Verdict)])
    assert len(server.bodies) == 6


def test_a_damaged_cache_file_counts_as_absent(bench: Bench) -> None:
    with local_model(lambda _: Said('{"label": "pass"}')) as server:
        bench.client(server).ask([_ask("Judge.", Verdict)])
        (path,) = bench.root.rglob("*.json")
        path.write_text('{"text": "{\\"lab')
        (reply,) = bench.client(server).ask([_ask("Judge.", Verdict)])
        (again,) = bench.client(server).ask([_ask("Judge.", Verdict)])
    assert len(server.bodies) == 2
    assert reply.parsed == again.parsed == Verdict(label="pass")
    assert (reply.cached, again.cached) == (False, True)


def test_a_spent_budget_ends_the_run_and_what_is_finished_stays_paid_for(bench: Bench) -> None:
    asks = [_ask(f"q{i}") for i in range(5)]
    with local_model(lambda _: Said("Hello", tokens=MILLION)) as server:
        with pytest.raises(BudgetError, match=r"budget of 0\.20 USD .*budget_usd"):
            bench.client(server, PRICED, concurrency=1, budget_usd=0.20).ask(asks)
        assert server.questions == ["q0", "q1"]
        assert len(bench.calls) == 2
        replies = bench.client(server, PRICED, concurrency=1, budget_usd=1).ask(asks)
    assert [r.cached for r in replies] == [True, True, False, False, False]
    assert server.questions == ["q0", "q1", "q2", "q3", "q4"]


def test_calls_in_flight_when_the_budget_is_spent_are_finished_and_kept(bench: Bench) -> None:
    together = threading.Barrier(2)

    def answer(_: dict[str, Any]) -> Said:
        together.wait(timeout=10)
        return Said("Hello", tokens=MILLION)

    asks = [_ask(f"q{i}") for i in range(6)]
    with local_model(answer) as server, pytest.raises(BudgetError):
        bench.client(server, PRICED, concurrency=2, budget_usd=0.10).ask(asks)
    assert sorted(server.questions) == ["q0", "q1"]
    assert len(list(bench.root.rglob("*.json"))) == 2
    assert sum(c.cost_usd for c in bench.calls) == pytest.approx(0.30)


def test_the_budget_is_for_all_asks_of_a_client_and_cached_answers_need_none(bench: Bench) -> None:
    with local_model(lambda _: Said("Hello", tokens=MILLION)) as server:
        client = bench.client(server, PRICED, budget_usd=0.15)
        client.ask([_ask("q0")])
        assert client.ask([_ask("q0")])[0].cached
        with pytest.raises(BudgetError):
            client.ask([_ask("q1")])


def test_a_budget_of_zero_is_no_limit(bench: Bench) -> None:
    with local_model(lambda _: Said("Hello", tokens=MILLION)) as server:
        replies = bench.client(server, PRICED, budget_usd=0).ask([_ask(f"q{i}") for i in range(3)])
    assert [r.text for r in replies] == ["Hello"] * 3


def test_ask_works_inside_a_running_event_loop_and_its_errors_come_out(bench: Bench) -> None:
    async def inside(client: LiteLLM, question: str) -> list[Reply]:
        return client.ask([_ask(question)])

    with local_model(lambda body: Said(f"You said {question_of(body)}.", tokens=MILLION)) as server:
        client = bench.client(server, PRICED, budget_usd=0.1)
        assert asyncio.run(inside(client, "Hi"))[0].text == "You said Hi."
        with pytest.raises(BudgetError):
            asyncio.run(inside(client, "more"))


def test_a_role_without_a_model_is_told_with_the_roles_there_are(bench: Bench) -> None:
    with pytest.raises(SettingsError, match="'improver'; roles: app, judge"):
        bench.client(None).ask([Ask("improver", ({"role": "user", "content": "Hi"},))])


def test_an_unknown_offline_model_is_told_with_those_there_are(bench: Bench) -> None:
    (reply,) = bench.client(None, "offline/nope", retries=2).ask([_ask("Hi")])
    assert reply.text is None
    assert "offline/nope does not exist; there are app, judge" in (reply.error or "")


def test_the_stand_in_says_once_a_role_that_it_is_no_language_model(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    models = {role: RoleModel("offline/app") for role in ("once told", "told too")}
    client = LiteLLM(models, ReplyCache(tmp_path), Limits(), lambda: NOON, lambda _: None)
    for role in ("once told", "once told", "told too"):
        client.ask([Ask(role, ({"role": "user", "content": "Hi"},))])
    told = [r.getMessage().split(":")[0] for r in caplog.records if "stand-in" in r.getMessage()]
    assert told == ["the offline stand-in answers as once told", "the offline stand-in answers as told too"]


def test_a_question_of_odd_letters_is_asked_as_it_is_and_its_answer_kept_as_it_is(bench: Bench) -> None:
    text = "größe 😀 \x00 \u2028 '\""
    with local_model(lambda _: Said(text)) as server:
        replies = [bench.client(server).ask([_ask(text)])[0] for _ in range(2)]
    assert server.questions == [text]
    assert [(r.text, r.cached) for r in replies] == [(text, False), (text, True)]
