"""`flywheel serve` as a process: real clients, the standard's errors, and nothing acknowledged is ever lost."""

from __future__ import annotations

import gzip
import http.client
import json
import resource
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from flywheel_pipeline.flows.capture import capture_files, due_days, write_days
from flywheel_pipeline.flows.capture.landing_files import part_of
from flywheel_pipeline_tests.homes import a_home
from flywheel_pipeline_tests.web.capture.sender import EXPORT, GrpcSender, Sender, a_request
from flywheel_pipeline_tests.web.serving import Serving, landed, serving, spans_of

PROTOBUF, JSON = "application/x-protobuf", "application/json"

COVERS = (
    "web/__init__.py",
    "web/server.py",
    "steps/capture/fields.py",
    "steps/capture/export_request.py",
    "web/capture/appender.py",
    "web/capture/body.py",
    "web/capture/grpc_server.py",
    "web/capture/intake.py",
    "web/capture/receiver.py",
    "web/capture/responses.py",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("serve")) as running:
        yield running


def post(server: Serving, path: str, body: bytes, kind: str = JSON, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(server.url + path, body, {"Content-Type": kind, **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def call(server: Serving, body: bytes, *metadata: tuple[str, str], **options: object) -> tuple[grpc.StatusCode, bytes]:
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        try:
            reply: bytes = channel.unary_unary(EXPORT)(
                body, metadata=metadata, timeout=30, wait_for_ready=True, **options
            )
        except grpc.RpcError as error:
            return error.code(), b""
    return grpc.StatusCode.OK, reply


def test_what_the_opentelemetry_sdk_exports_becomes_a_trace(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    place = a_home(tmp_path / "home")
    with serving(place.root) as server:
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{server.url}/v1/traces")))
        with provider.get_tracer("shop").start_as_current_span("chat") as span:
            span.set_attribute("openinference.span.kind", "LLM")
            span.set_attribute("input.value", "Where is my parcel?")
            span.set_attribute("output.value", "In Kiel.")
            trace_id = f"{span.get_span_context().trace_id:032x}"
        provider.shutdown()
        assert (
            post(server, "/v1/feedback", json.dumps({"trace_id": trace_id, "score": 0, "comment": "no"}).encode())[0]
            == 200
        )
    capture_files(place.bench)
    write_days(place.lake, due_days(place.lake))
    rows = place.lake.frame("select trace_id, input, output, feedback_comment from raw_traces").values.tolist()
    assert rows == [[trace_id, "Where is my parcel?", "In Kiel.", "no"]]
    assert part_of("a b.jsonl") != part_of("a_b.jsonl")


def test_every_acknowledged_span_is_there_after_a_kill(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        numbers = [range(i * 300, (i + 1) * 300) for i in range(4)]
        senders = [Sender(server.port, n) for n in numbers[::2]]
        senders += [GrpcSender(server.grpc_port, n) for n in numbers[1::2]]
        threads = [threading.Thread(target=s.run) for s in senders]
        for thread in threads:
            thread.start()
        while sum(len(s.acknowledged) for s in senders) < 300:
            pass
        server.kill()
        server.start()
        for thread in threads:
            thread.join(timeout=60)
    sent = {n for s in senders for n in s.acknowledged}
    assert sent == set(range(1200))
    assert {int(span["spanId"], 16) - 1 for span in spans_of(tmp_path)} >= sent


def test_protobuf_json_and_gzip_are_taken(server: Serving) -> None:
    body = a_request(7).SerializeToString()
    assert post(server, "/v1/traces", body, PROTOBUF)[0] == 200
    assert post(server, "/v1/traces", gzip.compress(body), PROTOBUF, **{"Content-Encoding": "gzip"})[0] == 200
    assert post(server, "/v1/traces", b'{"resourceSpans": []}')[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "kind", "status"),
    [
        ("/v1/traces", b"{", JSON, 400), ("/v1/traces", b"\xff\xff", PROTOBUF, 400), ("/v1/traces", b"{}", "text/plain", 415),
        ("/v1/other", b"{}", JSON, 404),
        ("/v1/feedback", b'{"score": 1}', JSON, 400), ("/v1/feedback", b'{"trace_id": "t"}', JSON, 400),
        ("/v1/feedback", b'{"trace_id": "t", "score": [7]}', JSON, 400),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_refused_with_a_reason(
    server: Serving, path: str, body: bytes, kind: str, status: int
) -> None:
    code, answer = post(server, path, body, kind)
    assert code == status
    assert kind == PROTOBUF or json.loads(answer)["message"]


def test_a_decompression_bomb_is_refused(server: Serving) -> None:
    bomb = gzip.compress(b" " * 100_000_000)
    assert post(server, "/v1/traces", bomb, JSON, **{"Content-Encoding": "gzip"})[0] == 413


def test_with_a_token_only_who_sends_it_may_write(tmp_path: Path) -> None:
    with serving(tmp_path, {"FLYWHEEL_TOKEN": "s3cret"}) as server:
        line = b'{"trace_id": "t", "score": "up"}'
        assert post(server, "/v1/feedback", line)[0] == 401
        assert post(server, "/v1/feedback", line, Authorization="Bearer wrong")[0] == 401
        assert post(server, "/v1/feedback", line, Authorization="s3cret")[0] == 401
        assert post(server, "/v1/feedback", line, Authorization="bearer s3cret")[0] == 200
        assert post(server, "/v1/feedback", line, Authorization="BEARER s3cret", Host="flywheel.example")[0] == 200
        body = a_request(1).SerializeToString()
        assert call(server, body) == (grpc.StatusCode.UNAUTHENTICATED, b"")
        assert call(server, body, ("authorization", "Bearer wrong"))[0] == grpc.StatusCode.UNAUTHENTICATED
        assert call(server, body, ("authorization", "bearer s3cret")) == (grpc.StatusCode.OK, b"")
    assert [row["score"] for row in landed(tmp_path, "feedback")] == ["up", "up"]
    assert len(spans_of(tmp_path)) == 1


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("Host", "evil.com:4318", 421),
        ("Host", "evil.com", 421),
        ("Origin", "http://evil.com", 403),
        ("Origin", "null", 403),
    ],
)
def test_without_a_token_no_page_of_another_site_may_write(
    server: Serving, header: str, value: str, status: int
) -> None:
    line = b'{"trace_id": "t", "score": "up"}'
    assert post(server, "/v1/feedback", line, **{header: value})[0] == status
    assert post(server, "/v1/traces", b'{"resourceSpans": []}', **{header: value})[0] == status
    assert call(server, b"", ("origin", "http://evil.com"))[0] == grpc.StatusCode.PERMISSION_DENIED


def test_over_grpc_spans_without_ids_are_reported_and_the_others_taken(server: Serving) -> None:
    request = a_request(1)
    request.resource_spans[0].scope_spans[0].spans.add(trace_id=b"short", span_id=b"12345678")
    code, reply = call(server, request.SerializeToString(), compression=grpc.Compression.Gzip)
    assert code == grpc.StatusCode.OK
    partial = ExportTraceServiceResponse.FromString(reply).partial_success
    assert (partial.rejected_spans, partial.error_message[:9]) == (1, "1 span(s)")
    assert call(server, b"\xff\xff")[0] == grpc.StatusCode.INVALID_ARGUMENT
    assert call(server, b"\x0a\x00" * 9_000_000)[0] == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/v1/feedback", b"[" + b",".join([b'{"trace_id":"t","score":1}'] * 560_000) + b"]", JSON),
        ("/v1/traces", b"\x0a\x00" * 7_500_000, PROTOBUF),
    ],
)
def test_a_body_of_too_many_objects_is_refused_while_the_endpoint_answers(
    server: Serving, path: str, body: bytes, kind: str
) -> None:
    answers: list[tuple[int, bytes]] = []
    headers = {"Content-Encoding": "gzip"}
    packed = gzip.compress(body)
    sending = threading.Thread(target=lambda: answers.append(post(server, path, packed, kind, **headers)))
    sending.start()
    n_answered = 0
    while sending.is_alive():
        with urllib.request.urlopen(server.url + "/healthz", timeout=5) as health:
            n_answered += health.status == 200
    assert [status for status, _ in answers] == [413] and n_answered > 1


def test_it_does_not_listen_to_the_world_without_a_token(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from flywheel_pipeline.cli import main

    done = CliRunner().invoke(main, ["serve", "--home", str(tmp_path), "--host", "0.0.0.0", "--port", "0"])
    assert done.exit_code != 0 and "FLYWHEEL_TOKEN" in done.output


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(server: Serving) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.putrequest("POST", "/v1/traces")
    connection.putheader("Content-Type", JSON)
    connection.putheader("Content-Length", "10000000000")
    connection.endheaders()
    answer = connection.getresponse()
    reported = answer.read()
    connection.close()
    assert answer.status == 413 and "serve.max_body_mb" in json.loads(reported)["message"]


def test_what_cannot_be_written_is_not_acknowledged_and_may_come_again(tmp_path: Path) -> None:
    full = 20_000
    with serving(tmp_path, limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (full, full))) as server:
        body = a_request(1).SerializeToString()
        codes = [post(server, "/v1/traces", body, PROTOBUF)[0] for _ in range(100)]
    assert set(codes) == {200, 503}
    assert len(spans_of(tmp_path)) == codes.count(200)
