"""The live endpoint: it takes OTLP traces over HTTP and gRPC, and users' feedback, into the landing folder.

`POST /v1/traces` takes what OpenTelemetry exporters send (protobuf or JSON, gzip), `POST /v1/feedback` takes
`{trace_id, score, comment}`. A 200 means that it is on the disk. `GET /healthz` answers as long as the endpoint runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flywheel_pipeline.web.capture.body import read_body
from flywheel_pipeline.web.capture.grpc_server import running_grpc
from flywheel_pipeline.web.capture.intake import Intake, RequestLimits
from flywheel_pipeline.web.capture.responses import (
    JSON,
    PROTOBUF,
    Refused,
    answer,
    export_response,
    media_type,
    rejected_message,
)
from flywheel_pipeline.web.capture.responses import refusal as as_response
from flywheel_pipeline.web.guard import comes_from_other_site, names_this_machine


class Receiver:
    """The HTTP endpoints."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake

    async def take_traces(self, request: Request) -> Response:
        """Answer `POST /v1/traces`."""
        self._admit(request, (PROTOBUF, JSON))
        with self.intake.budget.lease() as lease:
            body = await read_body(request, self.intake.limits.body, lease)
            n_rejected = await self.intake.take_export(body, media_type(request) == PROTOBUF, lease)
        if not n_rejected:
            return answer(request, {})
        as_json = {"partialSuccess": {"rejectedSpans": str(n_rejected), "errorMessage": rejected_message(n_rejected)}}
        return answer(request, as_json, export_response(n_rejected))

    async def take_feedback(self, request: Request) -> Response:
        """Answer `POST /v1/feedback`."""
        self._admit(request, (JSON,))
        with self.intake.budget.lease() as lease:
            body = await read_body(request, self.intake.limits.body, lease)
            n = await self.intake.take_feedback(body, lease)
        return answer(request, {"accepted": n})

    async def health(self, request: Request) -> Response:
        """Answer `GET /healthz`."""
        return Response(b'{"status":"ok"}', media_type=JSON)

    def _admit(self, request: Request, media_types: tuple[str, ...]) -> None:
        """Refuse a request that may not write, or has an unknown content type, before its body is read.

        Without a token, a page of another site must not write, also under a host name of its own that resolves to this
        machine (DNS rebinding).
        """
        if self.intake.is_open and not names_this_machine(request):
            raise Refused(421, "without a token only this machine may write: send to 127.0.0.1, or set FLYWHEEL_TOKEN")
        if self.intake.is_open and comes_from_other_site(request):
            raise Refused(403, "requests from pages of other sites are refused: set FLYWHEEL_TOKEN and send it")
        self.intake.check_token(request.headers.get("authorization", ""))
        if media_type(request) not in media_types:
            raise Refused(415, f"the Content-Type must be {' or '.join(media_types)}")


def build_app(
    folder: Path,
    limits: RequestLimits,
    token: str | None,
    pages: Sequence[BaseRoute] = (),
    grpc_address: str | None = None,
) -> Starlette:
    """Return the application: the endpoint of a landing folder, and pages; `token` is required of clients.

    With `grpc_address` (`host:port`) it takes OTLP/gRPC there as long as it runs.
    """
    intake = Intake(folder, limits, token)
    receiver = Receiver(intake)
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

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with intake.running(), running_grpc(intake, grpc_address):
            yield

    return Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)


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
