"""Clients that send spans over HTTP or gRPC, and send again what was not acknowledged."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TRACE_ID = "5b8efff798038103d269b633813fc60c"
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def a_request(n: int) -> ExportTraceServiceRequest:
    """A request with one span, number `n`."""
    request = ExportTraceServiceRequest()
    part = request.resource_spans.add()
    part.resource.attributes.add(key="service.name").value.string_value = "shop"
    span = part.scope_spans.add().spans.add(
        trace_id=bytes.fromhex(TRACE_ID),
        span_id=(n + 1).to_bytes(8, "big"),
        name="chat",
        start_time_unix_nano=1_700_000_000_000_000_000 + n,
        end_time_unix_nano=1_700_000_001_000_000_000 + n,
    )
    for key, text in (("input.value", f"Where is parcel {n}?"), ("output.value", "It is on its way.")):
        span.attributes.add(key=key).value.string_value = text
    span.attributes.add(key="llm.token_count.total").value.int_value = 20
    return request


class Sender:
    """What was acknowledged over one connection, and how many seconds each acknowledgement took."""

    def __init__(self, port: int, numbers: Iterable[int], make: Callable[[int], Any] = a_request) -> None:
        self.port, self.numbers, self.make = port, numbers, make
        self.acknowledged: list[int] = []
        self.took: list[float] = []
        self._socket: socket.socket | None = None

    def run(self) -> None:
        """Send all, each until it is acknowledged."""
        for n in self.numbers:
            body = self.make(n).SerializeToString()
            started = time.perf_counter()
            while not self._send(body):
                time.sleep(0.02)
            self.took.append(time.perf_counter() - started)
            self.acknowledged.append(n)
        self._close()

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _send(self, body: bytes) -> bool:
        head = (
            b"POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-protobuf\r\n"
            b"Content-Length: %d\r\n\r\n"
        )
        try:
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.sendall(head % len(body) + body)
            answer = b""
            while b"\r\n\r\n" not in answer:  # a success has no body
                data = self._socket.recv(4096)
                if not data:
                    raise ConnectionError
                answer += data
            return answer.startswith(b"HTTP/1.1 200 ")
        except OSError:
            self._close()
            return False


class GrpcSender(Sender):
    """The same over gRPC."""

    def __init__(self, port: int, numbers: Iterable[int], make: Callable[[int], Any] = a_request) -> None:
        super().__init__(port, numbers, make)
        options = (("grpc.max_reconnect_backoff_ms", 200), ("grpc.use_local_subchannel_pool", 1))
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options)
        self._export = self._channel.unary_unary(EXPORT)

    def _send(self, body: bytes) -> bool:
        try:
            self._export(body, timeout=30)
        except grpc.RpcError:
            return False
        return True

    def _close(self) -> None:
        self._channel.close()
