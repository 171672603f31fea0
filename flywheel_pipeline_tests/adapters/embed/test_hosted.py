"""Vectors of a hosted model: in batches, in order, and never a wrong one instead of an error."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from flywheel_pipeline.adapters.embed.hosted import BATCH, HostedEmbed
from flywheel_pipeline.errors import ModelError

Rows = list[dict[str, Any]]


@contextmanager
def a_server(monkeypatch: pytest.MonkeyPatch, answer: Callable[[list[str]], Rows | None]) -> Iterator[list[list[str]]]:
    """An embedding endpoint in OpenAI's shape; yields the inputs that it was sent. None answers with status 401."""
    asked: list[list[str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
            asked.append(texts)
            rows = answer(texts)
            body = {
                "object": "list",
                "model": "m",
                "data": rows or [],
                "usage": {"prompt_tokens": 1, "total_tokens": 1},
            }
            sent = json.dumps(body if rows is not None else {"error": {"message": "bad key"}}).encode()
            self.send_response(200 if rows is not None else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("OPENAI_API_BASE", f"http://127.0.0.1:{server.server_port}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def backwards(texts: list[str]) -> Rows:
    """Vectors [length, 0], sent in another order than asked for."""
    return [
        {"object": "embedding", "index": i, "embedding": [float(len(t)), 4.0]}
        for i, t in reversed(list(enumerate(texts)))
    ]


def test_rows_are_unit_vectors_in_the_order_of_the_texts_and_blank_ones_are_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with a_server(monkeypatch, backwards) as asked:
        rows = HostedEmbed("openai/m").embed(["abc", " ", "", "x"])
    assert asked == [["abc", "x"]]
    assert rows[0] == pytest.approx([0.6, 0.8])
    assert rows[3] == pytest.approx([1 / 17**0.5, 4 / 17**0.5])
    assert not rows[1:3].any()


def test_many_texts_go_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_server(monkeypatch, backwards) as asked:
        rows = HostedEmbed("openai/m").embed([f"text {i}" for i in range(BATCH + 1)])
    assert [len(a) for a in asked] == [BATCH, 1]
    assert rows.shape == (BATCH + 1, 2)


@pytest.mark.parametrize(
    ("answer", "reported"),
    [
        (lambda texts: None, "openai/m failed: AuthenticationError"),
        (lambda texts: backwards(texts)[1:], "1 vectors for 2"),
    ],
)
def test_an_error_or_a_missing_vector_stops_the_run(
    answer: Callable[[list[str]], Rows | None], reported: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_server(monkeypatch, answer), pytest.raises(ModelError, match=reported):
        HostedEmbed("openai/m").embed(["a", "b"])


class CountingMeter:
    """A `Meter` that remembers what it counted."""

    def __init__(self) -> None:
        self.ended: list[tuple[int, int | None, bool]] = []
        self.n_started = 0

    def start(self) -> None:
        self.n_started += 1

    def end(self, attempt: int, latency_ms: float, tokens: int | None = None, error: str | None = None) -> None:
        self.ended.append((attempt, tokens, error is not None))


def test_every_request_is_counted_with_its_tokens_or_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = CountingMeter()
    with a_server(monkeypatch, backwards):
        HostedEmbed("openai/m", meter).embed([f"text {i}" for i in range(BATCH + 1)])
    assert (meter.n_started, meter.ended) == (2, [(1, 1, False), (1, 1, False)])
    with a_server(monkeypatch, lambda _: None) as asked, pytest.raises(ModelError, match="bad key"):
        HostedEmbed("openai/m", meter).embed(["a"])
    assert (len(asked), meter.ended[2:]) == (1, [(1, None, True)])
