"""An HTTP endpoint as the app under test."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flywheel_pipeline.adapters.apps.common import answer_of, question_of, version_of
from flywheel_pipeline.errors import ModelError, SettingsError
from flywheel_pipeline.masking import mask
from flywheel_pipeline.ports import Answer
from flywheel_pipeline.records import GoldenCase

DEFAULT_BODY: Mapping[str, Any] = {"prompt": "{{prompt}}", "messages": "{{messages}}"}
PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
TRIES, PAUSE_SECONDS = 3, 0.5
MAX_REPLY_BYTES = 16_000_000


@dataclass(frozen=True)
class Endpoint:
    """Where and how the app is called.

    In `body`, a text that is only `{{name}}` becomes that value as JSON, one inside another text its text; the names
    are those of the question: prompt, input, messages, documents, variables. `response` is the path of the answer in
    the reply, for example `choices.0.message.content`; without it the reply is a text or has the key `output`.
    `version` names the release behind the URL: another version asks every case again.
    """

    url: str
    body: Mapping[str, Any] = field(default_factory=lambda: DEFAULT_BODY)
    response: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    workers: int = 8
    timeout_seconds: float = 60


class HttpApp:
    """Posts every case to an endpoint; overload and server faults (429, 5xx) are tried again."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        e = endpoint
        self.version = version_of(e.url, e.body, e.response, e.version)
        self._slots: tuple[asyncio.AbstractEventLoop, asyncio.Semaphore] | None = None

    async def answer(self, prompt: str, case: GoldenCase, repeat: int = 0) -> Answer:
        """Answer one case.

        Raises:
            ModelError: nothing answers at the URL.
            SettingsError: the body names a value that a question does not have.
        """
        body = fill(self.endpoint.body, question_of(prompt, case))
        async with self._slot():
            started = time.perf_counter()
            for left in reversed(range(TRIES)):
                status, text, wait = await self._post(body)
                if not left or (status is not None and status != 429 and status < 500):
                    break
                await asyncio.sleep(PAUSE_SECONDS if wait is None else min(wait, 60.0))
        if status != 200:
            return Answer(
                None, f"{self.endpoint.url}: {f'HTTP {status}: ' if status else ''}{mask(text)[:300]}", _ms(started)
            )
        return _read(text, self.endpoint.response, _ms(started))

    async def _post(self, body: Any) -> tuple[int | None, str, float | None]:
        import aiohttp

        limits = aiohttp.ClientTimeout(total=self.endpoint.timeout_seconds)
        try:
            async with (
                aiohttp.ClientSession(timeout=limits, trust_env=True) as session,
                session.post(self.endpoint.url, json=body, headers=self.endpoint.headers) as reply,
            ):
                after = reply.headers.get("Retry-After", "")
                content = await reply.content.read(MAX_REPLY_BYTES + 1)
                while len(content) <= MAX_REPLY_BYTES and (piece := await reply.content.read(MAX_REPLY_BYTES)):
                    content += piece
                if len(content) > MAX_REPLY_BYTES:
                    return None, f"a reply of more than {MAX_REPLY_BYTES:,} bytes is too large", None
                text = content.decode("utf-8", "replace")
                return reply.status, text, float(after) if after.isdigit() else None
        except aiohttp.ClientConnectorError as error:
            raise ModelError(f"Nothing answers at app.http.url {self.endpoint.url}: {error.os_error}") from error
        except (asyncio.TimeoutError, TimeoutError):
            return None, f"no answer in {self.endpoint.timeout_seconds:.0f} s", None
        except (aiohttp.ClientError, OSError) as error:
            return None, f"{type(error).__name__}: {error}", None

    def _slot(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        if self._slots is None or self._slots[0] is not loop:
            self._slots = (loop, asyncio.Semaphore(self.endpoint.workers))
        return self._slots[1]


def fill(template: Any, question: Mapping[str, Any]) -> Any:
    """Return a body template with the question's values; values are never searched for places themselves.

    Raises:
        SettingsError: the template names a value that there is none of.
    """
    if isinstance(template, Mapping):
        return {k: fill(v, question) for k, v in template.items()}
    if isinstance(template, list | tuple):
        return [fill(v, question) for v in template]
    if not isinstance(template, str):
        return template
    if unknown := [n for n in PLACE.findall(template) if n not in question]:
        raise SettingsError(f"app.http.body names {{{{{unknown[0]}}}}}; there are {', '.join(question)}")
    if whole := PLACE.fullmatch(template.strip()):
        return question[whole[1]]
    return PLACE.sub(lambda found: _text(question[found[1]]), template)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read(text: str, path: str, latency_ms: float) -> Answer:
    try:
        value = json.loads(text)
    except ValueError:
        if not path:
            return Answer(text, latency_ms=latency_ms, cost_usd=None)
        return Answer(None, f"the reply is not JSON: {mask(text)[:200]!r}", latency_ms)
    for step in path.split(".") if path else []:
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (LookupError, ValueError, TypeError):
            return Answer(None, f"the reply has no `{path}`: {text[:200]!r}", latency_ms)
    return answer_of(value, latency_ms)


def _ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
