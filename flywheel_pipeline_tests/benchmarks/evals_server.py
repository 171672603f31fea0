"""The server of `benchmarks.evals`: OpenAI-compatible, with a fixed latency, and faults where asked for.

`python -m flywheel_pipeline_tests.benchmarks.evals_server PORT LATENCY_SECONDS [FAULTS_JSON]`
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

VERDICT = '{"explanation": "The answer keeps to the documents.", "label": "pass"}'
ANSWER = "You can return the probe within thirty days; the label is in the box."


@dataclass
class Server:
    """Counts and the faults: shares of 500s, hangs and broken verdicts, and a token bucket (rate per second, burst)."""

    latency: float
    server_errors: float = 0.0
    hangs: float = 0.0
    broken: float = 0.0
    rate: float = 0.0
    burst: float = 0.0
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    counts: dict[str, float] = field(default_factory=dict)
    tokens: float = 0.0
    filled_at: float = field(default_factory=time.monotonic)

    def reset(self) -> None:
        self.counts = {"requests": 0, "answered": 0, "throttled": 0, "first": 0.0, "last": 0.0, "in_flight": 0}
        self.tokens, self.filled_at = self.burst, time.monotonic()

    def take(self) -> bool:
        if not self.rate:
            return True
        now = time.monotonic()
        self.tokens = min(self.burst, self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    async def complete(self, request: web.Request) -> web.Response:
        raw = await request.read()
        now = time.time()
        self.counts["requests"] += 1
        self.counts["first"] = self.counts["first"] or now
        try:
            return await self.reply(raw)
        finally:
            self.counts["last"] = time.time()

    async def reply(self, raw: bytes) -> web.Response:
        if not self.take():
            self.counts["throttled"] += 1
            return web.Response(status=429, text='{"error": {"message": "slow down"}}', headers={"Retry-After": "1"})
        if self.rng.random() < self.hangs:
            await asyncio.sleep(600)
        await asyncio.sleep(self.latency)
        if self.rng.random() < self.server_errors:
            return web.Response(status=500, text='{"error": {"message": "oops"}}')
        self.counts["answered"] += 1
        judge = b"response_format" in raw or b"You judge one answer" in raw
        text = VERDICT if judge else ANSWER
        if judge and self.rng.random() < self.broken:
            text = '{"explanation": "The answer'
        return web.json_response(completion(text))

    async def stats(self, request: web.Request) -> web.Response:
        found = dict(self.counts)
        if "reset" in request.query:
            self.reset()
        return web.json_response(found)


def completion(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 20, "total_tokens": 320},
    }  # fmt: skip


def main(port: int, latency: float, faults: str = "{}") -> None:
    server = Server(latency, **json.loads(faults))
    server.reset()
    app = web.Application(client_max_size=10**8)
    app.router.add_post("/v1/chat/completions", server.complete)
    app.router.add_get("/stats", server.stats)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None, shutdown_timeout=0)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:])
