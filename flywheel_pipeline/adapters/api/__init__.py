"""The HTTP APIs of observability tools: one session, with retries that wait as long as the server asks.

`requests` with `Retry` of urllib3 does the waiting; both come with Dagster and litellm. The keys are in headers of the
session, which no message shows, and which are not sent to another host: redirects are not followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

from flywheel_pipeline.errors import NotOfferedError, PullError
from flywheel_pipeline.ports import ApiRequest

ATTEMPTS = 8
CUT_ATTEMPTS = 3
MOST_SECONDS = 300.0
"""A server that asks to wait longer is left for the next pull."""
TIMEOUT = (10, 120)
"""Seconds to connect, and without a byte of the answer."""
BUSY = (429, 500, 502, 503, 504)


class _AskedToWaitError(Exception):
    """The server asks to wait longer than a pull may."""


class _Retry(Retry):
    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        seconds = super().get_retry_after(response)
        if seconds is not None and seconds > MOST_SECONDS:
            raise _AskedToWaitError(f"{seconds:.0f}")
        return seconds


class ApiClient:
    """A `Fetch` of the API at `url`; `headers` hold the keys, `backoff` the seconds that the first wait takes."""

    def __init__(self, url: str, headers: Mapping[str, str], backoff: float = 0.5) -> None:
        self.url = url.rstrip("/")
        retry = _Retry(
            ATTEMPTS,
            connect=2,
            status_forcelist=BUSY,
            allowed_methods=None,  # a POST here is a question as well
            backoff_factor=backoff,
            backoff_jitter=backoff / 2,
            backoff_max=60,
            raise_on_status=False,
            respect_retry_after_header=True,
        )
        self._session = requests.Session()
        self._session.auth = lambda prepared: prepared  # no password of ~/.netrc takes the place of the key
        self._session.headers.update({**headers, "Accept": "application/json"})
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))

    def __call__(self, request: ApiRequest) -> Any:
        """Return the JSON of the answer; see `Fetch`."""
        place = f"{self.url}{quote(request.path)}"
        for attempt in range(1, CUT_ATTEMPTS + 1):
            try:
                return _content(place, self._send(place, request))
            except _AskedToWaitError as error:
                raise PullError(f"{place} asks to wait {error} seconds: pull again later") from None
            except requests.exceptions.ChunkedEncodingError:  # it broke off, which `Retry` does not see
                if attempt == CUT_ATTEMPTS:
                    raise PullError(f"{place} breaks off its answers") from None
            except (requests.RequestException, UnicodeError) as error:  # UnicodeError: a key with a character like `…`
                raise PullError(f"{place} does not answer: {type(error).__name__}") from None
        raise AssertionError("unreachable")

    def _send(self, place: str, request: ApiRequest) -> requests.Response:
        method = "GET" if request.body is None else "POST"
        return self._session.request(
            method, place, params=request.query, json=request.body, timeout=TIMEOUT, allow_redirects=False
        )


def _content(place: str, answer: requests.Response) -> Any:
    status = answer.status_code
    if status in (401, 403):
        raise PullError(f"{place} does not accept the key ({status}): is it expired, or of another project?")
    if status in (404, 405, 501):
        raise NotOfferedError(f"{place} is not there ({status}): check url and project in capture.pull")
    if status != 200:
        raise PullError(f"{place} answered {status}: {answer.text[:200]}")
    try:
        return answer.json()
    except ValueError:
        raise PullError(f"{place} did not answer with JSON: is this the address of the API?") from None
