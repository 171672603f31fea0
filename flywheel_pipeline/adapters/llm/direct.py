"""OpenAI-compatible servers over one aiohttp session: the fast way."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from flywheel_pipeline.adapters.llm.calling import (
    MAX_MESSAGE,
    Called,
    CallFailed,
    RoleModel,
    elapsed_ms,
    kind_of,
    retry_after,
)
from flywheel_pipeline.adapters.llm.pricing import Price, listed_price
from flywheel_pipeline.masking import mask
from flywheel_pipeline.prompting import text_of

MAX_REPLY_BYTES = 16_000_000
CONNECT_SECONDS = 10


class DirectTransport:
    """Chat completions of any server that speaks OpenAI's protocol; a server that needs no key is sent none."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._proxies: dict[str, str | None] = {}

    async def call(self, model: RoleModel, request: Mapping[str, Any], timeout: float) -> Called:
        """Make one request."""
        url = f"{(model.api_base or '').rstrip('/')}/chat/completions"
        body = {k: v for k, v in request.items() if k != "api_base"}
        body["model"] = model.model.removeprefix("openai/")
        started = time.perf_counter()
        try:
            status, headers, content = await self._post(url, _dumped(body), model.api_key, timeout)
        except (asyncio.TimeoutError, TimeoutError):
            raise CallFailed(f"{model.model}: no answer in {timeout:.1f} s", "timeout") from None
        except aiohttp.ClientConnectorError as error:
            raise CallFailed(
                f"{model.model}: nothing answers at {url} ({error.os_error})", "unusable", sent=False
            ) from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise CallFailed(
                f"{model.model}: {url} is not a usable address ({error})", "unusable", sent=False
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise CallFailed(f"{model.model}: {type(error).__name__}: {error}", "transient") from error
        if status != 200:
            raise _failure(model, url, status, headers, content)
        return _reply(model, content, started)

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(
        self, url: str, body: bytes, key: str | None, timeout: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS)
            )
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        if url not in self._proxies:
            self._proxies[url] = _proxy_of(url)
        limits = aiohttp.ClientTimeout(total=timeout, sock_connect=CONNECT_SECONDS)
        posted = self._session.post(url, data=body, headers=headers, timeout=limits, proxy=self._proxies[url])
        async with posted as response:
            if (response.content_length or 0) > MAX_REPLY_BYTES:
                raise CallFailed(f"{url}: a reply of {response.content_length} bytes is too large", "refused")
            content = await _read_bounded(response, url)
            return response.status, {k.lower(): v for k, v in response.headers.items()}, content


async def _read_bounded(response: aiohttp.ClientResponse, url: str) -> bytes:
    """Return the body; one that is too large is given up while it arrives, also where no length was announced."""
    content = bytearray()
    try:
        async for piece in response.content.iter_any():
            content += piece
            if len(content) > MAX_REPLY_BYTES:
                raise CallFailed(f"{url}: a reply of more than {MAX_REPLY_BYTES:,} bytes is too large", "refused")
    except BaseException:
        response.close()  # as `response.read` does: what is left of it is not waited for
        raise
    return bytes(content)


def _proxy_of(url: str) -> str | None:
    """Return the proxy that the environment names for a URL; asked once per endpoint, since it is slow to ask."""
    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    return proxy if proxy and not urllib.request.proxy_bypass(parts.hostname or "") else None


def _dumped(body: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:  # a lone surrogate, which UTF-8 cannot hold but JSON escapes can
        return json.dumps(body).encode()


def _loaded(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except ValueError:
        return json.loads(content)


def _failure(model: RoleModel, url: str, status: int, headers: Mapping[str, str], content: bytes) -> CallFailed:
    text = content.decode("utf-8", "replace")
    try:
        error = json.loads(text)["error"]
        said = str(error["message"]) if isinstance(error, dict) and "message" in error else str(error)
    except (ValueError, KeyError, TypeError):
        said = text
    hint = ""
    if status in (401, 403):
        hint = f" (the key is read from {model.api_key_env or 'OPENAI_API_KEY'})"
    message = f"{model.model}: HTTP {status} from {url}: {mask(' '.join(said.split()))[:MAX_MESSAGE]}{hint}"
    return CallFailed(message, kind_of(status, text), retry_after(headers))


def _reply(model: RoleModel, content: bytes, started: float) -> Called:
    try:
        body = _loaded(content)
        choice = body["choices"][0]
        message = choice["message"]
        usage = body.get("usage") or {}
        details = usage.get("prompt_tokens_details") or {}
        n_in, n_out = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
        text = text_of(message.get("content")) or text_of(message.get("refusal"))
        calls = tuple(c for c in message.get("tool_calls") or () if isinstance(c, dict))
        reason = choice.get("finish_reason")
        cached = _count(details.get("cached_tokens")) or 0
    except (ValueError, LookupError, TypeError, AttributeError):
        shown = mask(content[:2000].decode("utf-8", "replace"))[:200]
        raise CallFailed(f"{model.model}: the reply is no chat completion: {shown!r}", "transient") from None
    price: Price | None = model.price or listed_price(model.model)
    cost = price.of(n_in, n_out, min(cached, n_in or 0)) if price else None
    return Called(text, None if reason is None else str(reason), calls, n_in, n_out, cost, elapsed_ms(started))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None
