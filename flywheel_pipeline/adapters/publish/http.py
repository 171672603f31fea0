"""JSON over HTTP for the registries of prompts, with retries where they cannot create anything twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from flywheel_pipeline.errors import ConflictError, PublishError

TRIES, PAUSE_SECONDS, LONGEST_PAUSE, TIMEOUT_SECONDS = 3, 0.5, 30.0, 20.0
SHOWN = 200
"""Characters of a refusal that are shown."""
RETRIED = (429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Reply:
    """The status and the JSON of an answer; {} where it has none."""

    status: int
    body: Any


@dataclass(frozen=True)
class Api:
    """An HTTP API: its base URL, the headers that authenticate, and what must never be shown."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def get(self, path: str, query: Mapping[str, str] | None = None, missing: tuple[int, ...] = (404,)) -> Any:
        """Return the JSON at a path, None where the status is one of `missing`.

        Raises:
            PublishError: it cannot be reached, or answers anything else than 2xx.
        """
        reply = self._send("GET", path, None, query, tries=TRIES)
        return None if reply.status in missing else self._checked("GET", path, reply)

    def send(self, method: str, path: str, body: Mapping[str, Any], *, again: bool = False) -> Any:
        """Send a change and return the JSON of the answer.

        A change that may have been made although the answer was an error is sent once, unless sending it `again` does
        no harm; a refused request (429) always is sent again.

        Raises:
            ConflictError: 409 or 412.
            PublishError: it cannot be reached, or answers anything else than 2xx.
        """
        return self._checked(method, path, self._send(method, path, body, None, TRIES if again else 1))

    def ask(self, path: str, body: Mapping[str, Any], missing: tuple[int, ...] = (404,)) -> Any:
        """Read by POST, as some APIs have it; return None where the status is one of `missing`.

        Raises:
            PublishError: it cannot be reached, or answers anything else than 2xx.
        """
        reply = self._send("POST", path, body, None, tries=TRIES)
        return None if reply.status in missing else self._checked("POST", path, reply)

    def _checked(self, method: str, path: str, reply: Reply) -> Any:
        if 200 <= reply.status < 300:
            return reply.body
        text = self.hide(json.dumps(reply.body, ensure_ascii=False))[:SHOWN]
        what = f"{method} {self.url}{path} answered {reply.status}: {text}"
        if reply.status in (409, 412):
            raise ConflictError(f"{what}. It was changed at the same time.")
        if reply.status in (401, 403):
            raise PublishError(f"{what}. Check the credentials in the environment.")
        raise PublishError(what)

    def hide(self, text: str) -> str:
        """Return a text without the credentials."""
        for secret in self.secrets:
            text = text.replace(secret, "***") if secret else text
        return text

    def _send(self, method: str, path: str, body: Any, query: Mapping[str, str] | None, tries: int) -> Reply:
        """Send in a thread of its own: a notebook's thread already runs a loop."""
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, self._send_again(method, path, body, query, tries)).result()

    async def _send_again(
        self, method: str, path: str, body: Any, query: Mapping[str, str] | None, tries: int
    ) -> Reply:
        for n in range(1, TRIES + 1):
            reply, wait = await self._once(method, path, body, query)
            allowed = TRIES if reply.status == 429 else tries
            if reply.status not in RETRIED or n >= allowed:
                break
            await asyncio.sleep(min(PAUSE_SECONDS * n if wait is None else wait, LONGEST_PAUSE))
        return reply

    async def _once(
        self, method: str, path: str, body: Any, query: Mapping[str, str] | None
    ) -> tuple[Reply, float | None]:
        import aiohttp

        limits = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=limits, trust_env=True, headers=self.headers) as session,
                session.request(method, f"{self.url}{path}", json=body, params=query, allow_redirects=False) as answer,
            ):
                raw = await answer.read()
                after = answer.headers.get("Retry-After", "")
                return Reply(answer.status, _json(raw)), float(after) if after.isdigit() else None
        except (asyncio.TimeoutError, TimeoutError):
            raise PublishError(f"{self.url} did not answer in {TIMEOUT_SECONDS:.0f} s.") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise PublishError(f"{self.url} cannot be reached: {self.hide(str(error))[:SHOWN]}") from None


def _json(raw: bytes) -> Any:
    """Return the JSON of an answer; its beginning as a text where it is none."""
    try:
        return json.loads(raw) if raw.strip() else {}
    except ValueError:
        return raw[:SHOWN].decode("utf-8", "replace")


def field_of(body: Any, *path: str) -> Any:
    """Return a field within a JSON answer; None where it is not there."""
    for name in path:
        body = body.get(name) if isinstance(body, Mapping) else None
    return body
