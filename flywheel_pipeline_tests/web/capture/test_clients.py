"""Real clients send to `flywheel serve`, and what they sent becomes the trace that a person would expect."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from flywheel_pipeline.flows.capture import capture_files, due_days, write_days
from flywheel_pipeline_tests.homes import Place, a_home
from flywheel_pipeline_tests.web.serving import serving

ASKED, SAID = "Where is my parcel?", "It is in Kiel."
COLUMNS = "input, output, model, n_turns, input_tokens, output_tokens, error, source_format"
OPENAI = """
import httpx, openai
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from openinference.instrumentation.openai import OpenAIInstrumentor

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=URL + "/v1/traces")))
OpenAIInstrumentor().instrument(tracer_provider=provider)
answer = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini", "choices": [
    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": SAID}}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}}
transport = httpx.MockTransport(lambda request: httpx.Response(200, json=answer))
client = openai.OpenAI(api_key="none", http_client=httpx.Client(transport=transport))
client.chat.completions.create(model="gpt-4o-mini", messages=[
    {"role": "system", "content": "Be brief."}, {"role": "user", "content": ASKED}])
provider.shutdown()
"""
LITELLM = """
import time, litellm
from litellm.integrations.opentelemetry import OpenTelemetry, OpenTelemetryConfig

callback = OpenTelemetry(OpenTelemetryConfig(exporter="otlp_http", endpoint=URL + "/v1/traces"))
litellm.callbacks = [callback]
litellm.completion(model="gpt-4o-mini", mock_response=SAID, messages=[
    {"role": "system", "content": "Be brief."}, {"role": "user", "content": ASKED}])
time.sleep(1)  # its callbacks run in a thread of their own
from opentelemetry import trace
provider = getattr(callback, "_tracer_provider", None) or trace.get_tracer_provider()
provider.force_flush()
"""


def send(url: str, code: str) -> None:
    """Run a client in a process of its own: instrumentors change the libraries that they watch."""
    script = f"URL, ASKED, SAID = {url!r}, {ASKED!r}, {SAID!r}\n{textwrap.dedent(code)}"
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "OTEL_SDK_DISABLED": "false"}
    done = subprocess.run((sys.executable, "-c", script), capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]


def captured(place: Place, code: str) -> list[dict[str, Any]]:
    """What became of what the client sent."""
    with serving(place.root) as server:
        send(server.url, code)
    capture_files(place.bench)
    write_days(place.lake, due_days(place.lake))
    assert not place.lake.frame("select * from rejects").to_dict("records")
    return place.lake.frame(f"select {COLUMNS}, messages from raw_traces").to_dict("records")  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("package", "code"),
    [("openinference.instrumentation.openai", OPENAI), ("opentelemetry.exporter.otlp.proto.http", LITELLM)],
    ids=["openinference", "litellm"],
)
def test_what_the_client_saw_is_the_trace(tmp_path: Path, package: str, code: str) -> None:
    pytest.importorskip(package)
    (trace,) = captured(a_home(tmp_path / "home"), code)
    assert (trace["input"], trace["output"]) == (ASKED, SAID)
    assert "gpt-4o-mini" in trace["model"]
    assert trace["n_turns"] == 1 and trace["error"] is None
    assert trace["input_tokens"] > 0 and trace["output_tokens"] > 0
    reported = [(m["role"], m["content"]) for m in json.loads(trace["messages"])]
    assert reported == [("system", "Be brief."), ("user", ASKED), ("assistant", SAID)]
