"""Spans arrive at an OTLP endpoint as the specification has it, keys stay out of messages, refusals are reported."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from flywheel_pipeline.adapters.otlp import Sent, send_requests, target_of
from flywheel_pipeline.errors import FlywheelError, SettingsError

COVERS = ("adapters/otlp/__init__.py", "adapters/otlp/otlp_http.py")
SPAN = {"traceId": "0" * 31 + "a", "spanId": "0" * 15 + "b", "name": "chat", "startTimeUnixNano": "1"}
REQUEST = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [SPAN]}]}]}
KEY = "very-secret-value"


@dataclass
class Collector:
    """An endpoint that answers with the statuses and bodies it is given, the last one for ever."""

    url: str
    replies: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=lambda: [(200, b"", {})])
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def environ(self, **more: str) -> dict[str, str]:
        named = {f"OTEL_EXPORTER_OTLP_{k}": v for k, v in more.items()}
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, **named}


@pytest.fixture
def collector() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            status, reply, headers = made.replies.pop(0) if len(made.replies) > 1 else made.replies[0]
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(reply))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    made = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def test_spans_arrive_as_protobuf_with_the_headers_of_the_environment(collector: Collector) -> None:
    target = target_of(collector.environ(HEADERS=f"authorization=Bearer%20{KEY}, x-project=demo"))
    assert send_requests(target, [REQUEST, REQUEST]) == Sent(2)
    path, headers, body = collector.got[1]
    assert (path, headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
    assert (headers["authorization"], headers["x-project"]) == (f"Bearer {KEY}", "demo")
    (span,) = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
    assert (span.trace_id.hex(), span.span_id.hex(), span.name) == (SPAN["traceId"], SPAN["spanId"], "chat")


def test_json_is_sent_where_the_protocol_says_so_and_an_endpoint_for_traces_is_taken_as_it_is(
    collector: Collector,
) -> None:
    environ = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/own", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}
    send_requests(target_of(environ), [REQUEST])
    ((path, headers, body),) = collector.got
    assert (path, headers["content-type"], json.loads(body)) == ("/own", "application/json", REQUEST)


def test_a_busy_endpoint_is_asked_again_after_the_pause_that_it_names(collector: Collector) -> None:
    collector.replies = [(429, b"", {"Retry-After": "7"}), (503, b"", {}), (200, b"", {})]
    pauses: list[float] = []
    assert send_requests(target_of(collector.environ()), [REQUEST], pauses.append) == Sent(1)
    assert pauses == [7.0, 2.0] and len(collector.got) == 3


def test_a_refusal_is_an_error_that_names_no_key(collector: Collector) -> None:
    collector.replies = [(200, b"", {}), (401, f"who is {KEY}\x1b[2J".encode(), {})]
    target = target_of(collector.environ(HEADERS=f"authorization=Bearer {KEY}"))
    with pytest.raises(FlywheelError, match=r"HTTP 401.*1 requests were taken before") as refused:
        send_requests(target, [REQUEST, REQUEST], lambda _: None)
    assert KEY not in str(refused.value) and "\x1b" not in str(refused.value) and KEY not in repr(target)


def test_a_redirect_is_not_followed(collector: Collector) -> None:
    collector.replies = [(302, b"", {"Location": f"{collector.url}/elsewhere"})]
    with pytest.raises(FlywheelError, match="HTTP 302"):
        send_requests(target_of(collector.environ()), [REQUEST])
    assert [path for path, _, _ in collector.got] == ["/v1/traces"]


def test_spans_that_the_endpoint_rejects_are_counted_with_its_reason(collector: Collector) -> None:
    reply = ExportTraceServiceResponse()
    reply.partial_success.rejected_spans, reply.partial_success.error_message = 3, "too old"
    collector.replies = [(200, reply.SerializeToString(), {}), (200, b"<html>", {})]
    assert send_requests(target_of(collector.environ()), [REQUEST, REQUEST]) == Sent(2, 3, "too old")


def test_an_endpoint_that_is_down_is_an_error_without_what_its_address_hides() -> None:
    target = target_of({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://me:{KEY}@127.0.0.1:9/?k={KEY}"})
    with pytest.raises(FlywheelError, match="Nothing was sent") as refused:
        send_requests(target, [REQUEST], lambda _: None)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "No endpoint is named"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318"}, "no http://"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http/protobuf and"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_HEADERS": KEY}, "name=value"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_HEADERS": "a=b%0d%0ac"}, "name=value"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}, "milliseconds"),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(environ: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        target_of(environ)
    assert KEY not in str(refused.value)
