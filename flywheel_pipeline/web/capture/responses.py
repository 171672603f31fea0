"""The responses of the endpoint, in the content type of the request, as OTLP/HTTP requires.

Errors are a `google.rpc.Status`; as protobuf it has two fields, which are written by hand here to do without
another package: 1, the code (varint), and 2, the message (text).
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.requests import Request
from starlette.responses import Response

PROTOBUF, JSON = "application/x-protobuf", "application/json"
RETRY_SECONDS = {"full": 1, "disk": 5}
GRPC_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 413: 8, 415: 3, 421: 7, 503: 14}
"""The code of `google.rpc` for a status of HTTP; of these, clients send again what 503 (UNAVAILABLE) answered."""
_UNKNOWN = 2


class Refused(Exception):
    """A request is not accepted: the status, and what its sender can do about it."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.headers = status, reason, headers


def busy(reason: str, seconds: int) -> Refused:
    """Return the refusal of a request that may be sent again after `seconds`."""
    return Refused(503, reason, {"Retry-After": str(seconds)})


def media_type(request: Request) -> str:
    """Return the content type of a request without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def answer(request: Request, as_json: object, as_protobuf: bytes = b"") -> Response:
    """Return a success."""
    if media_type(request) == PROTOBUF:
        return Response(as_protobuf, media_type=PROTOBUF)
    return Response(orjson.dumps(as_json), media_type=JSON)


def rejected_message(n_rejected: int) -> str:
    """Return why spans of a request that was taken were dropped."""
    return f"{n_rejected} span(s) have no valid trace id (16 bytes) or span id (8 bytes)"


def export_response(n_rejected: int) -> bytes:
    """Return the `ExportTraceServiceResponse`, as protobuf, to a request of which `n_rejected` spans were dropped."""
    response = ExportTraceServiceResponse()
    if n_rejected:
        response.partial_success.rejected_spans = n_rejected
        response.partial_success.error_message = rejected_message(n_rejected)
    return bytes(response.SerializeToString())


def refusal(request: Request, status: int, reason: str, headers: Mapping[str, str] | None) -> Response:
    """Return an error; JSON, unless the request was protobuf."""
    code = GRPC_CODES.get(status, _UNKNOWN)
    if media_type(request) == PROTOBUF:
        return Response(_status(code, reason), status, headers, PROTOBUF)
    return Response(orjson.dumps({"code": code, "message": reason}), status, headers, JSON)


def _status(code: int, message: str) -> bytes:
    text = message.encode("utf-8", "replace")
    return b"\x08" + bytes((code,)) + b"\x12" + _varint(len(text)) + text


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes((*out, n))
