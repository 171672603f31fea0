"""An OpenAI-compatible server on 127.0.0.1 whose replies a function decides; it records what it was asked.

It plays every fault of a provider: latency, 429 with Retry-After, 5xx, empty and cut-off replies, garbage, missing
usage, a reply that never comes, a connection that breaks.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Said:
    """One reply. `body` is sent as it is; `tokens` None leaves the usage out; `disconnect` breaks the connection."""

    text: str | None = None
    status: int = 200
    tokens: tuple[int, int] | None = (3, 2)
    after: str | None = "0"
    finish: str | None = "stop"
    seconds: float = 0.0
    body: bytes | None = None
    tool_calls: tuple[dict[str, Any], ...] = ()
    disconnect: bool = False


@dataclass
class ScriptedServer:
    """What came to the server, and where it is."""

    answer: Callable[[dict[str, Any]], Said]
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0

    @property
    def questions(self) -> list[str]:
        """The last message of every request, in order of arrival."""
        return [b["messages"][-1]["content"] for b in self.bodies]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.times.append(monotonic())
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            said = self.answer(body)
            self.said.append(said)
            if said.seconds:
                await asyncio.sleep(said.seconds)
            return _response(request, body, said)
        finally:
            self.in_flight -= 1


def question_of(body: dict[str, Any]) -> str:
    """The first user message of a request."""
    return str(next(m["content"] for m in body["messages"] if m["role"] == "user"))


@contextmanager
def scripted_server(answer: Callable[[dict[str, Any]], Said]) -> Iterator[ScriptedServer]:
    """Serve `answer`, called in the server's own thread, until the end of the block."""
    server, started, loop = ScriptedServer(answer), threading.Event(), asyncio.new_event_loop()

    def serve() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(start(server))
        started.set()
        loop.run_forever()
        for task in asyncio.all_tasks(loop):
            task.cancel()  # replies that never come
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    started.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def start(server: ScriptedServer, port: int = 0) -> web.AppRunner:
    """Listen on `port`, 0 for a free one."""
    app = web.Application(client_max_size=10**8)
    app.router.add_post("/v1/chat/completions", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    (address,) = runner.addresses
    server.url = f"http://127.0.0.1:{address[1]}/v1"
    return runner


def _response(request: web.Request, body: dict[str, Any], said: Said) -> web.Response:
    if said.disconnect:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()
    headers = {"Retry-After": said.after} if said.after is not None and said.status != 200 else {}
    if said.body is not None:
        return web.Response(body=said.body, status=said.status, headers=headers, content_type="application/json")
    data = _completion(body["model"], said) if said.status == 200 else _error(said)
    return web.Response(text=json.dumps(data), status=said.status, headers=headers, content_type="application/json")


def _error(said: Said) -> dict[str, Any]:
    return {"error": {"message": said.text or "the scripted server fails", "type": "test"}}


def _completion(name: str, said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text}
    if said.tool_calls:
        message["tool_calls"] = list(said.tool_calls)
    usage: dict[str, Any] = {}
    if said.tokens is not None:
        n_in, n_out = said.tokens
        usage = {"usage": {"prompt_tokens": n_in, "completion_tokens": n_out, "total_tokens": n_in + n_out}}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": name,
        "choices": [{"index": 0, "finish_reason": said.finish, "message": message}],
        **usage,
    }
