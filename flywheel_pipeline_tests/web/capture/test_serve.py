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

import pytest

from flywheel_pipeline.flows.capture import capture_files, due_days, write_days
from flywheel_pipeline.flows.capture.landing_files import part_of
from flywheel_pipeline_tests.homes import a_home
from flywheel_pipeline_tests.web.capture.sender import Sender, a_request
from flywheel_pipeline_tests.web.serving import Serving, landed, serving, spans_of

PROTOBUF, JSON = "application/x-protobuf", "application/json"

COVERS = (
    "web/__init__.py",
    "web/server.py",
    "web/fields.py",
    "web/capture/appender.py",
    "web/capture/body.py",
    "web/capture/otlp.py",
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
        senders = [Sender(server.port, range(i * 300, (i + 1) * 300)) for i in range(4)]
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
        assert post(server, "/v1/feedback", line, Authorization="Bearer s3cret")[0] == 200
    assert [row["score"] for row in landed(tmp_path, "feedback")] == ["up"]


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
