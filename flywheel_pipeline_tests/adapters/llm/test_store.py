"""Replies and calls on disk: at once for this process, soon for others, and whole after `kill -9`."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.adapters.llm.request import cache_key
from flywheel_pipeline.adapters.llm.store import GROUP_SECONDS, ReplyStore
from flywheel_pipeline.errors import CorruptFileError
from flywheel_pipeline.records import LLMCall
from flywheel_pipeline_tests.adapters.llm.clients import Bench, an_ask, echo
from flywheel_pipeline_tests.adapters.llm.scripted_server import scripted_server
from flywheel_pipeline_tests.builders import NOON
from flywheel_pipeline_tests.conftest import REPO

REQUEST: dict[str, Any] = {
    "model": "openai/x",
    "messages": [{"role": "user", "content": "Hi"}],
    "temperature": 0.0,
    "max_tokens": 10,
}


def a_call(**changes: Any) -> LLMCall:
    values: dict[str, Any] = {
        "called_at": NOON, "role": "app", "model": "openai/x", "input_tokens": 10, "output_tokens": 2,
        "cost_usd": 0.5, "latency_ms": 7.0, "cached": False, "error": None, "attempt": 1, "finish_reason": "stop",
    }  # fmt: skip
    return LLMCall(**{**values, **changes})


@pytest.mark.parametrize(
    "change",
    [
        {"model": "openai/y"},
        {"messages": [{"role": "user", "content": "Hi!"}]},
        {"messages": [{"role": "system", "content": "Hi"}]},
        {"temperature": 0.1},
        {"max_tokens": 11},
        {"api_base": "http://127.0.0.1/v1"},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "Verdict"}}},
        {"tools": [{"type": "function"}]},
    ],
)
def test_anything_that_decides_the_reply_decides_the_key(change: dict[str, Any]) -> None:
    assert cache_key({**REQUEST, **change}) != cache_key(REQUEST)


def test_the_order_of_a_request_does_not_decide_the_key_and_its_repeat_does() -> None:
    assert cache_key(dict(reversed(REQUEST.items()))) == cache_key(REQUEST)
    assert cache_key(REQUEST, 1) != cache_key(REQUEST)


@pytest.mark.parametrize("text", ["Hello", "", "größe 😀\x00\u2028\r\n\"'", "lone \ud83d", "None"])
def test_a_value_comes_back_as_it_was_put_before_and_after_it_is_on_disk(tmp_path: Path, text: str) -> None:
    key = cache_key({**REQUEST, "messages": [{"role": "user", "content": text}]})
    store = ReplyStore(tmp_path / "r.sqlite")
    store.put(key, {"text": text})
    assert store.get(key) == {"text": text}
    store.close()
    assert store.get(key) == ReplyStore(tmp_path / "r.sqlite").get(key) == {"text": text}
    store.close()


def test_what_was_never_put_is_none_and_reading_makes_no_file(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path / "not there" / "r.sqlite")
    assert store.get(cache_key(REQUEST)) is None
    assert store.unexported() == [] and store.usage("app", "x") is None and store.spent(NOON) == (0.0, 0)
    assert not (tmp_path / "not there").exists()


def test_a_damaged_value_counts_as_none_and_can_be_replaced(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path / "r.sqlite")
    store.put("k", {"text": "Hello"})
    store.close()
    with sqlite3.connect(tmp_path / "r.sqlite") as con:
        con.execute("update replies set value = '{\"te'")
    con.close()
    assert store.get("k") is None
    store.put("k", {"text": "Hello again"})
    store.close()
    assert store.get("k") == {"text": "Hello again"}
    store.close()


def test_a_file_that_is_no_database_is_reported_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    path.write_bytes(b"not a database, but somebody's file " * 40)
    before = path.read_bytes()
    with pytest.raises(CorruptFileError, match="move it away"):
        ReplyStore(path).get("k")
    with pytest.raises(CorruptFileError, match="move it away"):
        ReplyStore(path).put("k", {"text": "Hello"})
    assert path.read_bytes() == before


def test_what_cannot_be_stored_stops_the_run_that_pays_for_it(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path / "r.sqlite")
    store.put("a", {"text": "Hello"})
    store.close()
    with sqlite3.connect(tmp_path / "r.sqlite") as con:
        con.execute("drop table replies")
    con.close()
    store.log_call("b", a_call())
    with sqlite3.connect(tmp_path / "r.sqlite") as con:
        con.execute("drop table if exists replies")
    con.close()
    store.put("b", {"text": "Hello"})
    with pytest.raises(OSError, match="cannot be stored"):
        for i in range(500):
            time.sleep(0.01)
            store.put(str(i), {"text": "Hello"})
    with pytest.raises(OSError, match="could not be stored"):
        store.close()


def test_another_process_sees_a_reply_soon_without_anybody_closing_anything(tmp_path: Path) -> None:
    first, second = ReplyStore(tmp_path / "r.sqlite"), ReplyStore(tmp_path / "r.sqlite")
    first.put("k", {"text": "Hello"})
    until = time.monotonic() + GROUP_SECONDS + 5
    while second.get("k") is None and time.monotonic() < until:
        time.sleep(0.01)
    assert second.get("k") == {"text": "Hello"}
    first.close()
    second.close()


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    stores = [ReplyStore(tmp_path / "r.sqlite") for _ in range(4)]

    def work(i: int) -> None:
        for k in range(100):
            stores[i].put(f"{i}-{k}", {"text": f"{i}-{k}"})
            stores[i].log_call(f"b{i}", a_call())
        stores[i].close()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(stores[0].get(f"{i}-{k}") == {"text": f"{i}-{k}"} for i in range(4) for k in range(100))
    assert [len(stores[0].calls(f"b{i}")) for i in range(4)] == [100] * 4
    stores[0].close()


def test_calls_come_back_as_they_were_logged_until_they_are_handed_on(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path / "r.sqlite")
    calls = [a_call(), a_call(cost_usd=None, error="HTTP 500 \ud83d", finish_reason=None, attempt=2)]
    for call in calls:
        store.log_call("b1", call)
    store.close()
    assert store.calls("b1")[0] == calls[0]
    assert store.calls("b1")[1].cost_usd is None
    assert store.unexported() == ["b1"]
    store.mark_exported("b1")
    store.close()
    assert store.unexported() == []
    assert len(store.calls("b1")) == 2
    store.close()


def test_means_for_estimates_are_of_answered_requests_and_spending_is_of_all(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path / "r.sqlite")
    for call in (a_call(), a_call(input_tokens=20, cost_usd=1.5), a_call(error="HTTP 500", cost_usd=None)):
        store.log_call("b1", call)
    store.log_call("b1", a_call(role="judge", cost_usd=3.0, called_at=NOON - timedelta(days=2)))
    store.close()
    usage = store.usage("app", "openai/x")
    assert usage is not None
    assert (usage.n_calls, usage.input_tokens, usage.output_tokens, usage.cost_usd) == (2, 15.0, 2.0, 1.0)
    assert store.spent(NOON - timedelta(days=1)) == (2.0, 3)
    store.close()


ASKER = """
import sys
from pathlib import Path
from flywheel_pipeline_tests.adapters.llm.clients import Bench, an_ask
from flywheel_pipeline_tests.adapters.llm.scripted_server import ScriptedServer
server = ScriptedServer(lambda _: None, sys.argv[1])
Bench(Path(sys.argv[2])).client(server, concurrency=8).ask([an_ask(f"q{i}") for i in range(2000)])
"""


def test_a_killed_process_loses_at_most_what_was_in_flight_and_its_calls_are_handed_on_later(bench: Bench) -> None:
    from flywheel_pipeline_tests.adapters.llm.scripted_server import Said

    with scripted_server(lambda b: Said("Hello", seconds=0.01)) as server:
        process = subprocess.Popen([sys.executable, "-c", ASKER, server.url, str(bench.root)], cwd=REPO)
        while len(server.bodies) < 300:
            time.sleep(0.01)
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.1)
        n_before, kept = len(server.bodies), _count(bench.path)
        # In flight: 8. Answered, but not yet committed: what 0.05 s and the commit itself let through.
        assert n_before - kept <= 8 + (GROUP_SECONDS + 0.15) * 8 / 0.01
        replies = bench.client(server, concurrency=8).ask([an_ask(f"q{i}") for i in range(400)])
    assert sum(r.cached for r in replies) == min(kept, 400)
    assert sum(not c.cached for c in bench.calls) == kept + 400 - min(kept, 400)
    assert len(bench.batches) == 2


def test_an_interrupt_ends_cleanly_and_keeps_what_was_answered(bench: Bench) -> None:
    with scripted_server(echo) as server:
        code = ASKER.replace("range(2000)", "range(100000)")
        process = subprocess.Popen(
            [sys.executable, "-c", code, server.url, str(bench.root)], cwd=REPO, stderr=subprocess.PIPE, text=True
        )
        while len(server.bodies) < 200:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert "KeyboardInterrupt" in errors and "never retrieved" not in errors and "ResourceWarning" not in errors
        n = len(server.bodies)
    assert n - 40 <= _count(bench.path) <= n
    store = ReplyStore(bench.path)
    (batch,) = {r[0] for r in store._query("select distinct batch from calls", [])}
    assert n - 1 <= len(store.calls(batch)) <= n  # every request has its row, those in flight as cancelled
    assert store.unexported() == []
    store.close()


def _count(path: Path) -> int:
    con = sqlite3.connect(path)
    try:
        return int(con.execute("select count(*) from replies").fetchone()[0])
    finally:
        con.close()
