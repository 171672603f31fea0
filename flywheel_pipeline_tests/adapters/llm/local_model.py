"""An OpenAI-compatible model on 127.0.0.1 whose answers a function decides; it records what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any


@dataclass(frozen=True)
class Said:
    """One answer of the model; `after` is the `Retry-After` that it sends with an error."""

    text: str | None = None
    status: int = 200
    tokens: tuple[int, int] = (3, 2)
    after: str | None = "0"


@dataclass
class LocalModel:
    """What came to the server, and where it is."""

    answer: Callable[[dict[str, Any]], Said]
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def questions(self) -> list[str]:
        """The last message of every request, in order of arrival."""
        return [b["messages"][-1]["content"] for b in self.bodies]

    def handle(self, body: dict[str, Any]) -> Said:
        with self._lock:
            self.bodies.append(body)
            self.times.append(monotonic())
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return self.answer(body)
        finally:
            with self._lock:
                self.in_flight -= 1


def question_of(body: dict[str, Any]) -> str:
    """The first user message of a request."""
    return str(next(m["content"] for m in body["messages"] if m["role"] == "user"))


@contextmanager
def local_model(answer: Callable[[dict[str, Any]], Said]) -> Iterator[LocalModel]:
    """Serve `answer` until the end of the block."""
    model = LocalModel(answer)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            said = model.handle(body)
            content = json.dumps(_completion(body["model"], said) if said.status == 200 else _error(said)).encode()
            self.send_response(said.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if said.after is not None:
                self.send_header("Retry-After", said.after)
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    model.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield model
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _error(said: Said) -> dict[str, Any]:
    return {"error": {"message": said.text or "the local model fails", "type": "test"}}


def _completion(name: str, said: Said) -> dict[str, Any]:
    n_in, n_out = said.tokens
    message = {"role": "assistant", "content": said.text}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": name,
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": n_in, "completion_tokens": n_out, "total_tokens": n_in + n_out},
    }
