"""The live endpoint: it takes OTLP/HTTP traces and users' feedback into the landing folder.

`POST /v1/traces` takes what OpenTelemetry exporters send (protobuf or JSON, gzip), `POST /v1/feedback` takes
`{trace_id, score, comment}`. A 200 means that it is on the disk. `GET /healthz` answers as long as the endpoint runs.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flywheel_pipeline.web.capture.appender import Appender, NotWrittenError
from flywheel_pipeline.web.capture.body import Budget, Lease, read_body
from flywheel_pipeline.web.capture.feedback import BadFeedbackError, rows_of
from flywheel_pipeline.web.capture.landing import LandingFile, recover
from flywheel_pipeline.web.capture.otlp import (
    Export,
    MalformedError,
    TooLongError,
    dump_line,
    parse_json,
    read_export,
)
from flywheel_pipeline.web.capture.responses import JSON, PROTOBUF, RETRY_SECONDS, Refused, answer, busy, media_type
from flywheel_pipeline.web.capture.responses import refusal as as_response

BODIES_IN_MEMORY = 4
"""How many of the largest bodies all requests together may hold."""
INLINE_BYTES = 100_000
"""Larger bodies are decoded in a thread, one at a time."""


@dataclass(frozen=True)
class RequestLimits:
    """Bytes of a body and of a line, bytes and seconds of a landing file."""

    body: int
    line: int
    file: int
    seconds: float


class Receiver:
    """The endpoints and the files that they write."""

    def __init__(self, folder: Path, limits: RequestLimits, token: str | None) -> None:
        self.folder, self.limits = folder, limits
        self._authorization = None if token is None else f"Bearer {token}".encode()
        self._budget = Budget(BODIES_IN_MEMORY * limits.body)
        self._spans: Appender
        self._feedback: Appender
        self._decoder = ThreadPoolExecutor(1, thread_name_prefix="decoder")

    @asynccontextmanager
    async def running(self, _: Starlette) -> AsyncIterator[None]:
        """Finish the files that an earlier process left, and take requests until the end of the block."""
        with suppress(OSError):  # requests will report it
            await asyncio.to_thread(recover, self.folder)
        self._spans, self._feedback = self._appender("otlp"), self._appender("feedback")
        try:
            yield
        finally:
            await asyncio.gather(self._spans.close(), self._feedback.close())
            self._decoder.shutdown()

    def _appender(self, prefix: str) -> Appender:
        return Appender(LandingFile(self.folder, prefix, self.limits.file, self.limits.seconds))

    async def take_traces(self, request: Request) -> Response:
        """Answer `POST /v1/traces`."""
        self._admit(request, (PROTOBUF, JSON))
        with self._budget.lease() as lease:
            body = await read_body(request, self.limits.body, lease)
            export = await self._decode(body, media_type(request) == PROTOBUF)
            await _append(self._spans, export.lines, lease)
        return _exported(request, export.n_rejected)

    async def take_feedback(self, request: Request) -> Response:
        """Answer `POST /v1/feedback`."""
        self._admit(request, (JSON,))
        with self._budget.lease() as lease:
            body = await read_body(request, self.limits.body, lease)
            try:
                rows = rows_of(parse_json(body), datetime.now(timezone.utc))
                lines = b"".join(map(dump_line, rows))
            except BadFeedbackError as error:
                raise Refused(400, str(error)) from None
            except ValueError as error:
                raise Refused(400, f"the body is not JSON: {error}") from None
            await _append(self._feedback, lines, lease)
        return answer(request, {"accepted": len(rows)})

    async def health(self, request: Request) -> Response:
        """Answer `GET /healthz`."""
        return Response(b'{"status":"ok"}', media_type=JSON)

    def _admit(self, request: Request, media_types: tuple[str, ...]) -> None:
        """Refuse a request without the token, or with an unknown content type, before its body is read."""
        given = request.headers.get("authorization", "").encode()
        if self._authorization is not None and not hmac.compare_digest(given, self._authorization):
            raise Refused(401, "send the header `Authorization: Bearer <token>`", {"WWW-Authenticate": "Bearer"})
        if media_type(request) not in media_types:
            raise Refused(415, f"the Content-Type must be {' or '.join(media_types)}")

    async def _decode(self, body: bytes, is_protobuf: bool) -> Export:
        try:
            if len(body) <= INLINE_BYTES:
                return read_export(body, is_protobuf, self.limits.line)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._decoder, read_export, body, is_protobuf, self.limits.line)
        except MalformedError as error:
            raise Refused(400, str(error)) from None
        except TooLongError as error:
            raise Refused(413, str(error)) from None


async def _append(appender: Appender, lines: bytes, lease: Lease) -> None:
    if not lines:
        return
    lease.take(len(lines))
    try:
        await appender.append(lines)
    except NotWrittenError as error:
        raise busy(str(error), RETRY_SECONDS["disk"]) from None


def _exported(request: Request, n_rejected: int) -> Response:
    if not n_rejected:
        return answer(request, {})
    message = f"{n_rejected} span(s) have no valid trace id (16 bytes) or span id (8 bytes)"
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = n_rejected
    response.partial_success.error_message = message
    as_json = {"partialSuccess": {"rejectedSpans": str(n_rejected), "errorMessage": message}}
    return answer(request, as_json, response.SerializeToString())


def build_app(folder: Path, limits: RequestLimits, token: str | None, pages: Sequence[BaseRoute] = ()) -> Starlette:
    """Return the application: the endpoint of a landing folder, and pages; `token` is required of clients."""
    receiver = Receiver(folder, limits, token)
    routes = [
        Route("/v1/traces", receiver.take_traces, methods=["POST"]),
        Route("/v1/feedback", receiver.take_feedback, methods=["POST"]),
        Route("/healthz", receiver.health),
        *pages,
    ]
    handlers: dict[type[Exception], Callable[[Request, Exception], Response]] = {
        Refused: _refused,
        HTTPException: _not_found,
        ClientDisconnect: _gone,
    }
    return Starlette(routes=routes, lifespan=receiver.running, exception_handlers=handlers)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return as_response(request, error.status, error.reason, error.headers)


def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"{error.detail}: POST /v1/traces, POST /v1/feedback, GET /healthz"
    return as_response(request, error.status_code, message, error.headers)


def _gone(request: Request, error: Exception) -> Response:
    """Return a response that no one reads: the client disconnected before the end of its request."""
    return Response(status_code=400)
