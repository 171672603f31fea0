"""OTLP over HTTP: where requests go is read from OpenTelemetry's own variables of the environment.

Source: OpenTelemetry specification, "OTLP Exporter" (variables) and "OTLP/HTTP" (paths, encodings, retries, partial
success). Headers hold keys: they are in no message, and no redirect is followed with them.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from flywheel_pipeline.errors import FlywheelError, SettingsError
from flywheel_pipeline.masking import MASK, SHORTEST

PREFIX = "OTEL_EXPORTER_OTLP_"
PATH = "v1/traces"
CONTENT_TYPES = {"http/protobuf": "application/x-protobuf", "http/json": "application/json"}
"""By the value of OTEL_EXPORTER_OTLP_PROTOCOL, the default first."""
RETRIED = (429, 502, 503, 504)
"""Statuses after which the specification lets a client try again."""
ATTEMPTS, LONGEST_PAUSE = 4, 30.0
IDS = ("traceId", "spanId", "parentSpanId")
"""Fields that OTLP JSON has in hex."""
MAX_REPLY = 1_000_000
LONGEST_MESSAGE = 300


@dataclass(frozen=True)
class Target:
    """An endpoint for traces: its whole URL, further headers, the encoding, and seconds for one request."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    protocol: str = "http/protobuf"
    timeout: float = 10.0

    @property
    def shown(self) -> str:
        """The URL without user, password and query, for messages."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


@dataclass(frozen=True)
class Sent:
    """What the endpoint took: requests, and spans that it rejected, with its reason."""

    n_requests: int
    n_rejected: int = 0
    reason: str = ""


def target_of(environ: Mapping[str, str] = os.environ) -> Target:
    """Return the endpoint that the environment names; variables for traces come before those for everything.

    Raises:
        SettingsError: none is named, or its URL, protocol or headers are not understood.
    """
    own, general = (environ.get(f"{PREFIX}{kind}ENDPOINT", "").strip() for kind in ("TRACES_", ""))
    url = own or (f"{general.rstrip('/')}/{PATH}" if general else "")
    if not url:
        raise SettingsError(
            "No endpoint is named: set OTEL_EXPORTER_OTLP_ENDPOINT, for example to http://localhost:4318, and where it "
            "needs a key OTEL_EXPORTER_OTLP_HEADERS, for example to authorization=Bearer%20…"
        )
    if not url.startswith(("http://", "https://")) or not urlsplit(url).hostname:
        raise SettingsError("OTEL_EXPORTER_OTLP_ENDPOINT is no http:// or https:// address.")
    protocol = _value(environ, "PROTOCOL") or next(iter(CONTENT_TYPES))
    if protocol not in CONTENT_TYPES:
        raise SettingsError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}; supported are {' and '.join(CONTENT_TYPES)}."
        )
    timeout = _value(environ, "TIMEOUT")
    if timeout and not timeout.isdigit():
        raise SettingsError("OTEL_EXPORTER_OTLP_TIMEOUT is no whole number of milliseconds.")
    return Target(url, _headers(_value(environ, "HEADERS")), protocol, int(timeout) / 1000 if timeout else 10.0)


def _value(environ: Mapping[str, str], name: str) -> str:
    return (environ.get(f"{PREFIX}TRACES_{name}") or environ.get(f"{PREFIX}{name}") or "").strip()


def _headers(text: str) -> dict[str, str]:
    """Return the headers in `name=value,name=value`, whose values are percent-encoded (W3C baggage)."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    found = {name.strip(): unquote(value.strip()) for name, equals, value in pairs if equals and name.strip()}
    if len(found) < len(pairs) or any(c in value for value in found.values() for c in "\r\n"):
        raise SettingsError("OTEL_EXPORTER_OTLP_HEADERS is not of the form name=value,name=value.")
    return found


def send_requests(
    target: Target, requests: Iterable[Mapping[str, Any]], sleep: Callable[[float], None] = time.sleep
) -> Sent:
    """Send OTLP JSON requests, one after the other, in the encoding of the target.

    Raises:
        FlywheelError: the endpoint cannot be reached, or refuses a request after all retries; the text says how many
            it took. Ids are hashes, so that sending everything again is harmless.
    """
    n, rejected, reason = 0, 0, ""
    for request in requests:
        body = _encoded(request, target.protocol)
        found, why = _rejected(_post(target, body, n, sleep), target.protocol)
        n, rejected, reason = n + 1, rejected + found, reason or why
    return Sent(n, rejected, reason)


def _encoded(request: Mapping[str, Any], protocol: str) -> bytes:
    if protocol == "http/json":
        return json.dumps(request).encode()
    from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    return bytes(ParseDict(_with_bytes(request), ExportTraceServiceRequest()).SerializeToString())


def _with_bytes(value: Any) -> Any:
    """Return OTLP JSON as protobuf's JSON has it: ids in base64 instead of hex."""
    if isinstance(value, Mapping):
        return {k: _base64(v) if k in IDS else _with_bytes(v) for k, v in value.items()}
    return [_with_bytes(v) for v in value] if isinstance(value, Sequence) and not isinstance(value, str) else value


def _base64(digits: str) -> str:
    return base64.b64encode(bytes.fromhex(digits)).decode()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the headers, which may hold a key, are meant for the named endpoint alone."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


def _post(target: Target, body: bytes, n_taken: int, sleep: Callable[[float], None]) -> bytes:
    """Send one request and return the reply; tried again where the specification says so."""
    opener = urllib.request.build_opener(_NoRedirect)
    headers = {"User-Agent": "flywheel-pipeline", **target.headers, "Content-Type": CONTENT_TYPES[target.protocol]}
    for attempt in range(ATTEMPTS):
        request = urllib.request.Request(target.url, data=body, headers=headers, method="POST")
        pause = 2.0**attempt
        try:
            with opener.open(request, timeout=target.timeout) as response:
                return bytes(response.read(MAX_REPLY))
        except urllib.error.HTTPError as error:
            problem = f"HTTP {error.code}: {_without_keys(_text(error.read(MAX_REPLY)), target)}".rstrip(": ")
            if error.code not in RETRIED:
                break
            after = error.headers.get("Retry-After", "")
            pause = float(after) if after.isdigit() else pause
        except (OSError, http.client.HTTPException) as error:
            problem = str(getattr(error, "reason", None) or error) or type(error).__name__
        if attempt < ATTEMPTS - 1:
            sleep(min(pause, LONGEST_PAUSE))
    taken = f"{n_taken} requests were taken before" if n_taken else "Nothing was sent"
    raise FlywheelError(f"{target.shown} did not take the spans: {problem}. {taken}; sending all again is harmless.")


def _without_keys(text: str, target: Target) -> str:
    """Return what an endpoint says without the values of headers that it repeats."""
    words = {word for value in target.headers.values() for word in value.split() if len(word) >= SHORTEST}
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, MASK)
    return text


def _text(body: bytes) -> str:
    shown = "".join(c if c.isprintable() else " " for c in body.decode("utf-8", "replace"))
    return " ".join(shown.split())[:LONGEST_MESSAGE]


def _rejected(body: bytes, protocol: str) -> tuple[int, str]:
    """Return how many spans a reply says were rejected, and why; a reply that is not understood says nothing."""
    from google.protobuf.json_format import Parse
    from google.protobuf.json_format import ParseError as JsonError
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    reply = ExportTraceServiceResponse()
    try:
        if protocol == "http/json":
            Parse(body or b"{}", reply, ignore_unknown_fields=True)
        else:
            reply.ParseFromString(body)
    except (JsonError, DecodeError, UnicodeDecodeError):
        return 0, ""
    return int(reply.partial_success.rejected_spans), _text(reply.partial_success.error_message.encode())
